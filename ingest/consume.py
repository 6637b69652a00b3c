"""The consumer: turns the protocol's wheel (`ingest.chain`), and is the one place that commits.

One thread polls and decides; a few others encode and put, at most one batch of a partition at a time, so
that reading goes on while the store works. A store that fails is asked again for as long as it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, wait
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock
from typing import Final, Protocol

import structlog

from ingest.batch import Batch, Buffer, Due, Limits
from ingest.chain import Appended, Chain, Hint, Source
from ingest.decode import Decoder
from ingest.errors import ChainError, StoreUnavailable
from ingest.lane import Flight, Lane
from ingest.patience import patiently
from ingest.records import OffsetRange, Partition, Records
from ingest.summary import Summary

LOG: Final = structlog.get_logger("ingest.consume")
_POLL: Final = 0.1  # seconds to wait for records: bounds how late a batch that is due by age is noticed
_NOBODYS_TURN: Final = 10.0  # seconds without a partition after which a member with `once` leaves …
_NO_WORD: Final = 120.0  # … and if it was not even told that it has none


class Clock(Protocol):
    """The time: of day, and a count of seconds that only ever grows."""

    def now(self) -> datetime:
        """The time of day in UTC."""

    def monotonic(self) -> float:
        """Seconds since some start, unmoved by changes of the time of day."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to consume.

    `once`: read every partition to its current end, then leave. `max_records`: stop after so many, exactly.
    `max_buffer_bytes` bounds the record values held, all partitions together. `grace` is how many seconds
    a stop or a revocation waits for batches on their way.
    """

    limits: Limits
    max_record_bytes: int
    max_buffer_bytes: int
    once: bool = False
    max_records: int | None = None
    grace: float = 30.0


class Consumer:
    """Reads one topic into one store until it is stopped.

    It is the `Listener` of its own source: `open_source` is handed the consumer and answers the source.
    `chain_of` makes the chain of a partition. `stop` asks for a clean end, which `Options.grace` bounds.
    """

    def __init__(
        self,
        open_source: Callable[[Consumer], Source],
        chain_of: Callable[[Partition], Chain],
        options: Options,
        clock: Clock,
        stop: Event,
        executor: Executor,
    ) -> None:
        self.summary = Summary()
        self._chain_of = chain_of
        self._options = options
        self._clock = clock
        self._stop = stop
        self._executor = executor
        self._lanes: dict[Partition, Lane] = {}
        self._lock = Lock()
        self._began = clock.monotonic()
        self._idle_since: float | None = None
        self._read = 0
        self._paused = False
        self._source = open_source(self)

    def run(self) -> Summary:
        """Consume until the stop, the end or the record limit; then flush, commit and leave the group."""
        try:
            try:
                while not self._finished():
                    self._turn()
            except StoreUnavailable:  # from a partition that was being taken up
                if not self._stop.is_set():
                    raise
            self._drain()
        finally:
            self.lost(list(self._lanes))
            self._source.close()
        return self.summary

    # --- the wheel --------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._ease()
        polled = self._source.poll(_POLL)
        now = self._clock.monotonic()
        for partition, records in polled.records.items():
            self._gather(partition, records, now)
        for partition in polled.ended & self._lanes.keys():
            self._lanes[partition].goal = 0
        for partition in polled.cut & self._lanes.keys():
            self._jump(self._lanes[partition])
        self._settle()
        for lane in self._lanes.values():
            if lane.flight is None and (due := lane.buffer.due(now)):
                self._flush(lane, due)
        self._make_room()

    def _finished(self) -> bool:
        if self._stop.is_set() or self._read == self._options.max_records:
            return True
        if not self._options.once:
            return False
        if self._lanes:
            return all(lane.at_goal for lane in self._lanes.values())
        # Before its first partitions a member may be given none: the others must hand them over first.
        since, patience = (self._began, _NO_WORD) if self._idle_since is None else (self._idle_since, _NOBODYS_TURN)
        return self._clock.monotonic() - since > patience

    def _gather(self, partition: Partition, records: Records, now: float) -> None:
        lane = self._lanes.get(partition)
        if lane is None:
            return
        if self._options.max_records is not None:
            records = records.head(self._options.max_records - self._read)
        self._read += len(records)
        lane.buffer.add(records, now)

    def _ease(self) -> None:
        """Keep to the memory bound: wait for a batch on its way, and pause reading if that is not enough."""
        over = self._full()
        if over:
            self._await_one(1.0)
            self._settle()
            over = self._full()
        if over:  # each time, for partitions that have come meanwhile
            self._source.pause(list(self._lanes))
        elif self._paused:
            self._source.resume(list(self._lanes))
        self._paused = over

    def _make_room(self) -> None:
        """Send the largest buffer off, if memory is full of batches that are not due and none is on its way."""
        lanes = list(self._lanes.values())
        if not self._full() or any(lane.flight for lane in lanes):
            return
        largest = max(lanes, key=lambda lane: lane.buffer.held)
        if len(largest.buffer):
            self._flush(largest, Due.BYTES)

    def _full(self) -> bool:
        return self._held() >= self._options.max_buffer_bytes

    def _held(self) -> int:
        return sum(lane.held for lane in self._lanes.values())

    def _await_one(self, seconds: float) -> None:
        flights = [lane.flight.appended for lane in self._lanes.values() if lane.flight]
        if flights:
            wait(flights, timeout=seconds, return_when=FIRST_COMPLETED)

    # --- a flush: encode, put, commit -------------------------------------------------------------

    def _flush(self, lane: Lane, due: Due) -> None:
        """Send the next batch on its way: steps 2 to 4 of the protocol. One of a partition at a time."""
        self.summary.due[due] += 1
        batch = lane.buffer.take(self._clock.monotonic())
        appended = self._executor.submit(self._append, lane, batch)
        lane.flight = Flight(batch, appended, int(batch.rows.estimated_size()))

    def _append(self, lane: Lane, batch: Batch) -> Appended:
        """Put a batch, asking a failing store again until it answers or the partition is given up."""

        def told(error: StoreUnavailable, delay: float) -> None:
            with self._lock:
                self.summary.retries += 1
            _warn(lane.chain, error, delay)

        return patiently(lambda: lane.chain.append(batch), lane.abandoned, told)

    def _settle(self) -> None:
        """Commit whatever has arrived in the store: steps 5 and 6 of the protocol."""
        for lane in self._lanes.values():
            if flight := lane.arrived:
                self._land(lane, flight)

    def _land(self, lane: Lane, flight: Flight) -> None:
        appended = lane.land(flight)
        slot = appended.stored.metadata.range.start if appended.stored else None
        self._source.commit({lane.partition: Hint(appended.next, slot)})
        self._report(lane, flight.batch, appended)

    def _report(self, lane: Lane, batch: Batch, appended: Appended) -> None:
        self.summary.count(batch, appended)
        if appended.conflicts:
            LOG.warning("slot_conflict", partition=lane.partition.number, start=batch.range.start)
        stored = appended.stored
        if stored is None:
            return
        LOG.info(
            "object_stored",
            key=stored.key,
            records=stored.metadata.records,
            quarantined=stored.metadata.quarantined,
            bytes=len(stored.body),
        )

    # --- the end ----------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Flush all that is gathered, within the grace; the group's hints are left behind whole."""
        self._finish(list(self._lanes.values()), rest=True)
        self.summary.unfinished += sum(lane.unfinished for lane in self._lanes.values())

    def _finish(self, lanes: Sequence[Lane], *, rest: bool) -> None:
        """Wait for what is on its way, and with `rest` send the rest after it, within the grace."""
        started = self._clock.monotonic()
        while not all(lane.flight is None if not rest else lane.idle for lane in lanes):
            for lane in lanes:
                if flight := lane.arrived:
                    self._land(lane, flight)
                if rest and lane.flight is None and len(lane.buffer):
                    self._flush(lane, Due.STOP)
            left = self._options.grace - (self._clock.monotonic() - started)
            if left <= 0:
                return
            flights = [lane.flight.appended for lane in lanes if lane.flight]
            wait(flights, timeout=left, return_when=FIRST_COMPLETED)

    # --- partitions come and go -------------------------------------------------------------------

    def assigned(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Step 1 of the protocol: find the tip of each chain. See `Listener.assigned`."""
        self._idle_since = self._clock.monotonic()
        hints = self._source.committed(partitions) if partitions else {}
        return {partition: self._open(partition, hints.get(partition)) for partition in partitions}

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Finish what is on its way, drop the rest. See `Listener.revoked`."""
        self._finish([self._lanes[partition] for partition in partitions if partition in self._lanes], rest=False)
        self.lost(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        """Drop everything, commit nothing. See `Listener.lost`."""
        for partition in partitions:
            if lane := self._lanes.pop(partition, None):
                lane.abandoned.set()

    def _open(self, partition: Partition, hint: Hint | None) -> int:
        chain = self._chain_of(partition)
        last = patiently(lambda: chain.last(hint), self._stop, lambda *failure: _warn(chain, *failure))
        position = last.range.next if last else 0
        options = self._options
        decoder = Decoder(partition, chain.identity.topic_id, options.max_record_bytes)
        buffer = Buffer(position, options.limits, lambda records: decoder(records, self._clock.now()))
        lane = Lane(partition, chain, buffer)
        self._lanes[partition] = lane
        start = self._start(lane, position, chain_is_empty=last is None)
        LOG.info("partition_assigned", partition=partition.number, position=position, reading_from=start)
        return start

    def _start(self, lane: Lane, position: int, *, chain_is_empty: bool) -> int:
        """The offset to read from: the position, or the first that the broker still has."""
        bounds = self._source.bounds(lane.partition)
        _check_end(lane, position, bounds)
        lane.goal = bounds.next
        if position < bounds.start and not chain_is_empty:
            self._lose(lane, OffsetRange(position, bounds.start))
        return max(position, bounds.start)

    def _jump(self, lane: Lane) -> None:
        """Go on where the broker's records begin: it has deleted some before we read them."""
        position = lane.buffer.reading_from
        bounds = self._source.bounds(lane.partition)
        _check_end(lane, position, bounds)
        first = bounds.start
        if first > position:
            self._lose(lane, OffsetRange(position, first))
        self._source.seek(lane.partition, max(first, position))

    def _lose(self, lane: Lane, lost: OffsetRange) -> None:
        lane.buffer.lose(lost)
        self.summary.lost.append((lane.partition, lost))
        LOG.error("records_lost", partition=lane.partition.number, start=lost.start, next=lost.next)


def _check_end(lane: Lane, position: int, bounds: OffsetRange) -> None:
    if position > bounds.next:
        raise ChainError(
            f"the chain of {lane.partition} ends at offset {position}, but the broker only at {bounds.next}",
            "The topic was made again or cut short. Start again; if its id is the same, use another prefix.",
        )


def _warn(chain: Chain, error: StoreUnavailable, delay: float) -> None:
    LOG.warning("store_unavailable", chain=str(chain.identity), error=str(error), remedy=error.remedy, retry_in=delay)
