"""Writes a run's job records into the store, from a thread of its own: the run never waits for them.

A record that can't be written is tried again later, and in the end it is missing: that is logged, and nothing
else happens. The end of a run waits for its last record, no longer than a bound.
"""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Final, Self

import structlog

from ingest.errors import StoreUnavailable
from ingest.jobs import HEARTBEAT, Counts, object_of, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from ingest.chain import Store
    from ingest.jobs import JobRecord, Run

LOG: Final = structlog.get_logger("ingest.jobs")


class Recorder:
    """A context manager around a run: records its start, its progress and how it ended.

    `counts` is asked from another thread whenever a record is made; set it as soon as there is something to
    count. `problem` says why a run that ends without an error has failed all the same. `clock` answers the
    time in UTC; `heartbeat`, `retry` and `grace` are seconds: between two records, between two tries of
    one, and at the most for the last one.
    """

    def __init__(
        self,
        store: Store,
        run: Run,
        clock: Callable[[], datetime],
        *,
        heartbeat: float = HEARTBEAT,
        retry: float = 60.0,
        grace: float = 5.0,
    ) -> None:
        self.counts: Callable[[], Counts] = Counts
        self.problem: str | None = None
        self._store, self._run, self._clock = store, run, clock
        self._heartbeat, self._retry, self._grace = heartbeat, retry, grace
        self._over, self._too_late = Event(), Event()
        self._thread = Thread(target=self._work, name="job-records", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.problem = problem_of(error)
        self._over.set()
        self._thread.join(self._grace)
        self._too_late.set()
        if self._thread.is_alive():
            self._missing("the store did not answer in time")

    def _work(self) -> None:
        try:
            self._write(self._running, self._over, self._retry)
            while not self._over.wait(self._heartbeat):
                self._write(self._running, self._over, self._retry)
            self._write(self._ended, self._too_late, min(self._retry, self._grace / 10))
        except Exception as error:  # whatever it is, it is no reason to stop consuming
            self._missing(problem_of(error))

    def _running(self) -> JobRecord:
        return self._run.running(self._clock(), self.counts())

    def _ended(self) -> JobRecord:
        return self._run.ended(self._clock(), self.counts(), self.problem)

    def _write(self, make: Callable[[], JobRecord], give_up: Event, pause: float) -> None:
        """Put a record; while the store fails, a new one every `pause` seconds until `give_up` is set.

        Each try has a number of its own: if an earlier one arrived after all, it is one record more.
        """
        told = False
        while True:
            try:
                self._store.put_if_absent(*object_of(make()))
            except StoreUnavailable as error:
                if not told:
                    self._missing(str(error))
                told = True
                if give_up.wait(pause):
                    return
            else:
                return

    def _missing(self, why: str) -> None:
        LOG.warning("job_record_failed", job=self._run.job_id, error=why)
