"""A load's own job records: it leaves them in the warehouse itself, since it need not be allowed to write objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

import structlog

from ingest.errors import WarehouseError
from ingest.jobs import HEARTBEAT, Counts, problem_of
from ingest.warehouse import DuckDbWarehouse

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from ingest.jobs import Run

LOG: Final = structlog.get_logger("ingest.jobs")


class Summary(Protocol):
    """What is counted: see `ingest.load.LoadSummary`."""

    rows: int
    bytes: int
    failed: int


class Ledger:
    """A context manager around a load into the warehouse at `path`; without a run it writes nothing.

    The records of a run that goes on are written when the warehouse is open anyway (`note`), or is worth opening
    for it (`due`). The last one opens it once more; if somebody else holds it then, the record is missing,
    and that is logged. Objects that failed make a failed run; how many records they hold, nobody knows.
    """

    def __init__(self, path: Path, run: Run | None, clock: Callable[[], datetime], summary: Summary) -> None:
        self._path, self._run, self._clock, self._summary = path, run, clock, summary
        self._noted_at: datetime | None = None

    @property
    def due(self) -> bool:
        """Whether it is time for a record."""
        if self._run is None:
            return False
        return self._noted_at is None or (self._clock() - self._noted_at).total_seconds() >= HEARTBEAT

    def note(self, warehouse: DuckDbWarehouse) -> None:
        """Leave the record of a run that goes on, if it is time for one."""
        if self._run is not None and self.due:
            self._noted_at = self._clock()
            warehouse.record(self._run.running(self._noted_at, self._counts()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._run is None:
            return
        last = self._run.ended(self._clock(), self._counts(), problem_of(error) if error else self._failures())
        try:
            with DuckDbWarehouse(self._path, self._clock) as warehouse:
                warehouse.record(last)
        except WarehouseError as fault:
            LOG.warning("job_record_failed", job=self._run.job_id, error=str(fault))

    def _counts(self) -> Counts:
        return Counts(self._summary.rows, 0, self._summary.bytes)

    def _failures(self) -> str | None:
        failed = self._summary.failed
        return f"{failed} objects could not be loaded: raw.load_history says why" if failed else None
