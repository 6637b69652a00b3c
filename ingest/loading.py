"""What `ingest load --follow` is heard to do, counted on its board of metrics and judged (`ingest.health`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import metrics
from ingest.errors import DependencyError
from ingest.health import Reason, Verdict, Why
from ingest.load import LoadSummary

if TYPE_CHECKING:
    from ingest.load import Progress
    from ingest.metrics import Board


class LoadWatch:
    """Hears `ingest.load.Progress`. Times are seconds of a clock that only ever grows.

    `interval` is how long the loader rests between two looks: so much longer is it waited for.
    """

    def __init__(self, board: Board, interval: float, now: float) -> None:
        self._objects = board.counter(metrics.LOADED)
        self._rows = board.counter(metrics.LOADED_ROWS)
        self._failures = board.counter(metrics.LOAD_FAILURES)
        self._waits = board.counter(metrics.LOAD_WAITS)
        self._look_age = board.gauge(metrics.LOOK_AGE)
        self._load_age = board.gauge(metrics.LOAD_AGE)
        self._interval = interval
        self._heard_at = self._looked_at = now
        self._looked = False
        self._loaded_at: float | None = None
        self._error: DependencyError | None = None

    def heard(self, line: Progress, now: float) -> None:
        """An object was tried, or a look went through or was kept out."""
        self._heard_at = now
        if isinstance(line, DependencyError):
            self._error = line
            self._waits.inc()
        elif isinstance(line, LoadSummary):
            self._error, self._looked, self._looked_at = None, True, now
        else:
            did = LoadSummary()
            did.count(line)
            self._objects.inc(did.objects)
            self._rows.inc(did.rows)
            self._failures.inc(did.failed)
            self._loaded_at = self._loaded_at if did.failed else now

    def refresh(self, now: float) -> None:
        """Bring the ages up to `now`."""
        self._look_age.set(now - self._looked_at)
        self._load_age.set(float("nan") if self._loaded_at is None else now - self._loaded_at)

    def judge(self, now: float, patience: float) -> Verdict:
        """The verdict at `now`, with `patience` in seconds."""
        kept_out = Reason(Why.LOAD_KEPT_OUT, now - self._looked_at, error=self._error)
        stalled = Reason(Why.LOAD_STALLED, now - self._heard_at)
        longest = patience + self._interval
        live = (stalled,) if stalled.seconds >= longest else ()
        late = (kept_out,) if self._error and kept_out.seconds >= longest else ()
        return Verdict((*live, *late), live, () if self._looked and not self._error else (kept_out,))
