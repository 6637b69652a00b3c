"""What a process is heard to do, counted on its board of metrics: per poll and per batch, never per record."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from ingest import metrics
from ingest.batch import Due
from ingest.events import Reason
from ingest.health import Why
from ingest.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from ingest.batch import Batch
    from ingest.chain import Appended
    from ingest.metrics import Board
    from ingest.records import OffsetRange, Partition

_FLUSH_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class ProcessMeter:
    """What every process that serves metrics says of itself."""

    def __init__(self, board: Board, version: str, started_at: datetime) -> None:
        board.gauge(metrics.BUILD).labels(version).set(1)
        board.gauge(metrics.STARTED).set(started_at.timestamp())
        self._unhealthy = board.gauge(metrics.UNHEALTHY, Why)

    def judged(self, reasons: Collection[Why]) -> None:
        """These are the reasons why the process is not healthy."""
        for why in Why:
            self._unhealthy.labels(why).set(why in reasons)


class ConsumerMeter:
    """Counts what the consumer tells (`ingest.monitor.Monitor`)."""

    def __init__(self, board: Board, now: float) -> None:
        self._read = board.counter(metrics.READ)
        self._read_bytes = board.counter(metrics.READ_BYTES)
        self._stored = board.counter(metrics.STORED)
        self._stored_bytes = board.counter(metrics.STORED_BYTES)
        self._objects = board.counter(metrics.OBJECTS)
        self._quarantined = board.counter(metrics.QUARANTINED, Reason)
        self._lost = board.counter(metrics.LOST)
        self._due = board.counter(metrics.DUE, Due)
        self._flush = board.histogram(metrics.FLUSH, _FLUSH_SECONDS)
        self._conflicts = board.counter(metrics.CONFLICTS)
        self._recovered = board.counter(metrics.RECOVERED)
        self._store_failures = board.counter(metrics.STORE_FAILURES)
        self._broker_failures = board.counter(metrics.BROKER_FAILURES)
        self._rebalances = board.counter(metrics.REBALANCES)
        self._assigned = board.gauge(metrics.ASSIGNED)
        self._buffered = board.gauge(metrics.BUFFERED)
        self._paused = board.gauge(metrics.PAUSED)
        self._poll_age = board.gauge(metrics.POLL_AGE)
        self._lag = board.gauge(metrics.LAG)
        self._position = board.gauge(metrics.POSITION)
        self._read_to = board.gauge(metrics.READ_TO)
        self._end = board.gauge(metrics.END)
        self._flush_age = board.gauge(metrics.FLUSH_AGE)
        self._turned_at = now
        self._places: dict[Partition, _Place] = {}
        self._lock = Lock()

    def refresh(self, now: float) -> None:
        """Bring the gauges that change by themselves, or that several events change, up to `now`."""
        self._poll_age.set(now - self._turned_at)
        with self._lock:
            self._assigned.set(len(self._places))
            for partition, place in self._places.items():
                self._show(_labels(partition), place, now)

    def turned(self, now: float, held: int, paused: bool) -> None:
        """See `Monitor.turned`."""
        self._turned_at = now
        self._buffered.set(held)
        self._paused.set(paused)

    def joined(self, now: float) -> None:
        """See `Monitor.joined`."""
        self._rebalances.inc()

    def assigned(self, partition: Partition, now: float) -> None:
        """See `Monitor.assigned`."""
        labels = _labels(partition)
        for counter in (self._read, self._read_bytes, self._stored, self._stored_bytes, self._objects, self._lost):
            counter.labels(*labels)  # there from the start: a rate needs a first value
        with self._lock:
            self._places[partition] = _Place()

    def opened(self, partition: Partition, position: int, reading_from: int, now: float) -> None:
        """See `Monitor.opened`."""
        with self._lock:
            if place := self._places.get(partition):
                if place.position is None:  # taken up anew, it is told where reading was
                    place.position = position
                place.read_to = reading_from

    def gone(self, partition: Partition) -> None:
        """See `Monitor.gone`. What is no longer ours is no longer shown; what was counted stays."""
        with self._lock:
            self._places.pop(partition, None)
            for gauge in (self._lag, self._position, self._read_to, self._end, self._flush_age):
                gauge.remove(*_labels(partition))

    def read(self, partition: Partition, records: int, nbytes: int, reading_from: int, now: float) -> None:
        """See `Monitor.read`."""
        self._read.labels(*_labels(partition)).inc(records)
        self._read_bytes.labels(*_labels(partition)).inc(nbytes)
        self.reached(partition, reading_from, now)

    def ends(self, partition: Partition, end: int, now: float) -> None:
        """See `Monitor.ends`."""
        with self._lock:
            if place := self._places.get(partition):
                place.end = end

    def reached(self, partition: Partition, offset: int, now: float) -> None:
        """See `Monitor.reached`."""
        with self._lock:
            if place := self._places.get(partition):
                place.read_to = max(offset, place.read_to or 0)

    def flushing(self, partition: Partition, due: Due, now: float) -> None:
        """See `Monitor.flushing`."""
        self._due.labels(due).inc()

    def landed(self, partition: Partition, batch: Batch, appended: Appended, seconds: float, now: float) -> None:
        """See `Monitor.landed`."""
        did = Summary()
        did.count(batch, appended)
        labels = _labels(partition)
        self._stored.labels(*labels).inc(did.records)
        self._stored_bytes.labels(*labels).inc(did.nbytes)
        self._objects.labels(*labels).inc(did.objects)
        for reason, records in did.reasons.items():
            self._quarantined.labels(reason).inc(records)
        self._conflicts.inc(did.conflicts)
        self._recovered.inc(did.recovered)
        self._flush.observe(seconds)
        with self._lock:
            if place := self._places.get(partition):
                place.position, place.flushed_at = appended.next, now

    def store_failed(self, partition: Partition, error: Exception, now: float) -> None:
        """See `Monitor.store_failed`."""
        self._store_failures.inc()

    def store_answered(self, partition: Partition, now: float) -> None:
        """See `Monitor.store_answered`: a matter of health."""

    def broker_failed(self, error: Exception, now: float) -> None:
        """See `Monitor.broker_failed`."""
        self._broker_failures.inc()

    def broker_answered(self, now: float) -> None:
        """See `Monitor.broker_answered`: a matter of health."""

    def lost(self, partition: Partition, lost: OffsetRange) -> None:
        """See `Monitor.lost`."""
        self._lost.labels(*_labels(partition)).inc(len(lost))

    def stopping(self, now: float) -> None:
        """See `Monitor.stopping`: a matter of health."""

    def _show(self, labels: tuple[str, str], place: _Place, now: float) -> None:
        shown = {self._position: place.position, self._read_to: place.read_to, self._end: place.end}
        if place.end is not None and place.read_to is not None:
            shown[self._lag] = max(0, place.end - place.read_to)
        for gauge, value in shown.items():
            if value is not None:
                gauge.labels(*labels).set(value)
        if place.flushed_at is not None:
            self._flush_age.labels(*labels).set(now - place.flushed_at)


class _Place:
    """Where one partition of ours stands, as far as it is known."""

    def __init__(self) -> None:
        self.position: int | None = None
        self.read_to: int | None = None
        self.end: int | None = None
        self.flushed_at: float | None = None


def _labels(partition: Partition) -> tuple[str, str]:
    return partition.topic, str(partition.number)
