"""Flushes: batches are encoded, put and committed, one of a partition at a time, the next one encoded behind it."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait
from threading import Lock
from typing import TYPE_CHECKING, Final

import structlog

from ingest.batch import Batch, Due
from ingest.chain import Appended, Hint
from ingest.errors import DependencyError, StoreUnavailable, TopicRemade
from ingest.lane import Flight, Lane, Prepared
from ingest.patience import patiently
from ingest.summary import Summary
from ingest.survey import check_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor, Future

    from ingest.chain import Broker
    from ingest.monitor import Monitor
    from ingest.objects import Object
    from ingest.records import Partition

LOG: Final = structlog.get_logger("ingest.flush")


class Flushes:
    """Sends batches on their way and commits what arrives.

    `commit` leaves the group's hint, `monotonic` counts seconds. `summary` counts what became of the batches;
    `remade` is set once one finds that its topic was made again, and nothing is settled from then on.
    """

    def __init__(
        self,
        broker: Broker,
        executor: Executor,
        monotonic: Callable[[], float],
        monitor: Monitor,
        commit: Callable[[Partition, Hint], None],
    ) -> None:
        self.summary = Summary()
        self.remade: TopicRemade | None = None
        self._lock = Lock()
        self._broker, self._executor, self._monotonic = broker, executor, monotonic
        self._monitor, self._commit = monitor, commit

    def flush(self, lane: Lane, due: Due) -> None:
        """Take the lane's next batch: it is sent, or prepared behind the one on its way."""
        now = self._monotonic()
        batch = lane.buffer.take(now)
        self.summary.due[due] += 1
        self._monitor.flushing(lane.partition, due, now)
        if lane.flight is None:
            self._send(lane, batch, None)
        else:
            lane.prepared = Prepared(batch, self._executor.submit(lane.chain.encode, batch), _size(batch))

    def settle(self, lanes: Iterable[Lane], *, follow: bool = True) -> None:
        """Commit whatever has arrived in the store, and with `follow` send what is prepared behind it."""
        for lane in lanes:
            if self.remade is None and (flight := lane.arrived):
                try:
                    appended = lane.land(flight)
                except TopicRemade as error:
                    self.remade = error
                    return
                self._land(lane, flight, appended)
                if follow:
                    self._follow(lane, appended.next)

    def finish(self, lanes: Sequence[Lane], grace: float, *, rest: bool) -> None:
        """Wait for what is on its way, and with `rest` send the rest after it, for `grace` seconds at most."""
        deadline = self._monotonic() + grace
        while self.remade is None:
            self.settle(lanes, follow=rest)
            for lane in lanes if rest else ():
                if lane.flight is None and len(lane.buffer):
                    self.flush(lane, Due.STOP)
            flights = [lane.flight.appended for lane in lanes if lane.flight]
            left = deadline - self._monotonic()
            if not flights or left <= 0:
                return
            wait(flights, timeout=left, return_when=FIRST_COMPLETED)

    def _send(self, lane: Lane, batch: Batch, encoded: Future[Object] | None) -> None:
        appended = self._executor.submit(self._append, lane, batch, encoded)
        lane.flight = Flight(batch, appended, _size(batch), self._monotonic())

    def _follow(self, lane: Lane, position: int) -> None:
        """Send what was prepared, or what other writers' objects leave of it."""
        prepared, lane.prepared = lane.prepared, None
        if prepared is None:
            return
        if position <= prepared.batch.range.start:
            self._send(lane, prepared.batch, prepared.encoded)
        elif rest := prepared.batch.after(position):
            self._send(lane, rest, None)
        else:
            now = self._monotonic()
            self._monitor.landed(lane.partition, prepared.batch, Appended(position, None), 0.0, now)

    def _append(self, lane: Lane, batch: Batch, encoded: Future[Object] | None) -> Appended:
        """Steps 3 and 4 of the protocol, for as long as it takes or until the partition is given up."""
        candidate = encoded.result() if encoded else lane.chain.encode(batch)

        def put() -> Appended:
            check_identity(self._broker, lane.chain)
            appended = lane.chain.append(batch, candidate)
            self._monitor.store_answered(lane.partition, self._monotonic())
            return appended

        return patiently(put, lane.abandoned, lambda *failure: self.failed(lane.partition, *failure))

    def failed(self, partition: Partition, error: DependencyError, delay: float) -> None:
        """Tell of a failure that passes, after which there is another try in `delay` seconds."""
        with self._lock:
            self.summary.retries += 1
        now = self._monotonic()
        told = {"topic": partition.topic, "partition": partition.number, "error": str(error)}
        told |= {"remedy": error.remedy, "retry_in": delay}
        if isinstance(error, StoreUnavailable):
            self._monitor.store_failed(partition, error, now)
            LOG.warning("store_unavailable", **told)
        else:
            self._monitor.broker_failed(error, now)
            LOG.warning("broker_unavailable", **told)

    def _land(self, lane: Lane, flight: Flight, appended: Appended) -> None:
        """Steps 5 and 6 of the protocol."""
        stored = appended.stored
        slot = stored.metadata.range.start if stored else None
        self._commit(lane.partition, Hint(appended.next, slot, lane.chain.place))
        now = self._monotonic()
        self._monitor.landed(lane.partition, flight.batch, appended, now - flight.since, now)
        self.summary.count(flight.batch, appended)
        if appended.conflicts:
            LOG.warning("slot_conflict", chain=str(lane.chain.identity), start=flight.batch.range.start)
        if stored:
            said = stored.metadata
            LOG.info(
                "object_stored",
                key=stored.key,
                records=said.records,
                quarantined=said.quarantined,
                bytes=len(stored.body),
            )


def _size(batch: Batch) -> int:
    return int(batch.rows.estimated_size())
