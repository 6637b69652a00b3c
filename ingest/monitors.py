"""Several monitors as one; none of them is one that hears nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.batch import Batch, Due
    from ingest.chain import Appended
    from ingest.monitor import Monitor
    from ingest.records import OffsetRange, Partition


class Monitors:
    """Tells each of its monitors all that it is told, in their order."""

    def __init__(self, *monitors: Monitor) -> None:
        self._monitors = monitors

    def turned(self, now: float, held: int, paused: bool) -> None:
        """See `Monitor.turned`."""
        for one in self._monitors:
            one.turned(now, held, paused)

    def joined(self, now: float) -> None:
        """See `Monitor.joined`."""
        for one in self._monitors:
            one.joined(now)

    def assigned(self, partition: Partition, now: float) -> None:
        """See `Monitor.assigned`."""
        for one in self._monitors:
            one.assigned(partition, now)

    def opened(self, partition: Partition, position: int, reading_from: int, now: float) -> None:
        """See `Monitor.opened`."""
        for one in self._monitors:
            one.opened(partition, position, reading_from, now)

    def gone(self, partition: Partition) -> None:
        """See `Monitor.gone`."""
        for one in self._monitors:
            one.gone(partition)

    def read(self, partition: Partition, records: int, nbytes: int, reading_from: int, now: float) -> None:
        """See `Monitor.read`."""
        for one in self._monitors:
            one.read(partition, records, nbytes, reading_from, now)

    def ends(self, partition: Partition, end: int, now: float) -> None:
        """See `Monitor.ends`."""
        for one in self._monitors:
            one.ends(partition, end, now)

    def reached(self, partition: Partition, offset: int, now: float) -> None:
        """See `Monitor.reached`."""
        for one in self._monitors:
            one.reached(partition, offset, now)

    def flushing(self, partition: Partition, due: Due, now: float) -> None:
        """See `Monitor.flushing`."""
        for one in self._monitors:
            one.flushing(partition, due, now)

    def landed(self, partition: Partition, batch: Batch, appended: Appended, seconds: float, now: float) -> None:
        """See `Monitor.landed`."""
        for one in self._monitors:
            one.landed(partition, batch, appended, seconds, now)

    def store_failed(self, partition: Partition, error: Exception, now: float) -> None:
        """See `Monitor.store_failed`."""
        for one in self._monitors:
            one.store_failed(partition, error, now)

    def store_answered(self, partition: Partition, now: float) -> None:
        """See `Monitor.store_answered`."""
        for one in self._monitors:
            one.store_answered(partition, now)

    def broker_failed(self, error: Exception, now: float) -> None:
        """See `Monitor.broker_failed`."""
        for one in self._monitors:
            one.broker_failed(error, now)

    def broker_answered(self, now: float) -> None:
        """See `Monitor.broker_answered`."""
        for one in self._monitors:
            one.broker_answered(now)

    def lost(self, partition: Partition, lost: OffsetRange) -> None:
        """See `Monitor.lost`."""
        for one in self._monitors:
            one.lost(partition, lost)

    def stopping(self, now: float) -> None:
        """See `Monitor.stopping`."""
        for one in self._monitors:
            one.stopping(now)
