"""The consumer: turns the protocol's wheel (`ingest.chain`), and is the one place that commits.

One thread polls and decides; others encode and put, one batch of a partition at a time with the next one
encoded behind it, so that reading goes on while the store works. Others again ask the broker and the store
where partitions stand. Whatever passes is asked again for as long as it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Event
from typing import Final, Protocol

import structlog

from ingest.batch import Buffer, Due, Limits
from ingest.chain import Chain, Hint, Source
from ingest.decode import Decoder
from ingest.errors import BrokerError, TopicRemade
from ingest.flush import Flushes
from ingest.gathered import Kept, ReadAtOnce, Reading
from ingest.lane import Lane, Opening
from ingest.monitor import Monitor
from ingest.patience import patiently
from ingest.records import OffsetRange, Partition, Records
from ingest.summary import Summary
from ingest.survey import Found, Search, Survey, check_identity

LOG: Final = structlog.get_logger("ingest.consume")
_POLL: Final = 0.1  # seconds to wait for records: bounds how late a batch that is due by age is noticed
_LOOK: Final = 10.0  # seconds between two looks at where the broker ends
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
    a stop or a revocation waits for batches on their way. `reader` makes what reads the usual
    records of a partition, if there is one.
    """

    limits: Limits
    max_record_bytes: int
    max_buffer_bytes: int
    once: bool = False
    max_records: int | None = None
    grace: float = 30.0
    reader: Callable[[], Reading] | None = None


@dataclass(frozen=True, slots=True)
class Crew:
    """The threads that help: `puts` encode and put, `surveys` ask where partitions stand."""

    puts: Executor
    surveys: Executor


class Consumer:
    """Reads topics into one store until it is stopped.

    It is the `Listener` of its own source: `open_source` is handed the consumer and answers the source, anew
    whenever a topic was made again. `stop` asks for a clean end, which `Options.grace` bounds.
    """

    def __init__(
        self,
        open_source: Callable[[Consumer], Source],
        survey: Survey,
        options: Options,
        clock: Clock,
        monitor: Monitor,
        crew: Crew,
        stop: Event,
    ) -> None:
        self._stop = stop
        self._open_source, self._survey, self._broker = open_source, survey, survey.broker
        self._options, self._clock, self._monitor, self._crew = options, clock, monitor, crew
        self._flushes = Flushes(survey.broker, crew.puts, clock.monotonic, monitor, self._commit)
        self._openings: dict[Partition, Opening] = {}
        self._lanes: dict[Partition, Lane] = {}
        self._remade: TopicRemade | None = None
        self._idle_since: float | None = None
        self._read = 0
        self._paused = False
        self._began = self._looked = clock.monotonic()
        self._look: Future[None] | None = None
        self._source = open_source(self)

    @property
    def summary(self) -> Summary:
        """What the run has done so far."""
        return self._flushes.summary

    def run(self) -> Summary:
        """Consume until the stop, the end or the record limit; then flush, commit and leave the group."""
        try:
            while not self._finished():
                self._turn()
                if error := self._remade or self._flushes.remade:
                    self._start_over(error)
            self._drain()
        finally:
            self._drop([*self._openings, *self._lanes])
            self._source.close()
        return self.summary

    # --- the wheel --------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._ease()
        self._take_up()
        polled = self._source.poll(_POLL)
        now = self._clock.monotonic()
        for partition, records in polled.records.items():
            self._gather(partition, records, now)
        for partition in polled.ended.keys() & self._lanes.keys():
            self._lanes[partition].ended_at = polled.ended[partition]
            self._monitor.reached(partition, polled.ended[partition], now)
        for partition in polled.cut & self._lanes.keys():
            self._open(partition, self._lanes.pop(partition))
        self._flushes.settle(self._lanes.values())
        for lane in self._lanes.values():
            if lane.prepared is None and (due := lane.buffer.due(now)):
                self._flushes.flush(lane, due)
        self._make_room()
        self._look_ahead(now)
        self._monitor.turned(now, self._held(), self._paused)

    def _finished(self) -> bool:
        if self._stop.is_set() or self._read == self._options.max_records:
            return True
        if not self._options.once or self._openings:
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
        self._monitor.read(partition, len(records), records.nbytes, lane.buffer.reading_from, now)

    def _ease(self) -> None:
        """Keep to the memory bound: wait for a batch on its way, and pause reading if that is not enough."""
        over = self._full()
        if over:
            flights = [lane.flight.appended for lane in self._lanes.values() if lane.flight]
            if flights:
                wait(flights, timeout=1.0, return_when=FIRST_COMPLETED)
            self._flushes.settle(self._lanes.values())
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
            self._flushes.flush(largest, Due.BYTES)

    def _full(self) -> bool:
        return self._held() >= self._options.max_buffer_bytes

    def _held(self) -> int:
        return sum(lane.held for lane in self._lanes.values())

    def _commit(self, partition: Partition, hint: Hint) -> None:
        """The one place that commits: step 5 of the protocol."""
        self._source.commit({partition: hint})

    def _look_ahead(self, now: float) -> None:
        """Now and then have the broker asked, apart from reading, where it ends and which topics it has."""
        if now - self._looked < _LOOK or (self._look and not self._look.done()):
            return
        if self._look:
            self._look.result()
        self._looked = now
        self._look = self._crew.surveys.submit(self._ask_ends, list(self._lanes.values()))

    def _ask_ends(self, lanes: Sequence[Lane]) -> None:
        try:
            for chain in {_incarnation(lane.chain): lane.chain for lane in lanes}.values():
                check_identity(self._broker, chain)
            self._broker.reach()
            self._monitor.broker_answered(self._clock.monotonic())
            for lane in lanes:
                end = self._broker.bounds(lane.partition).next
                self._monitor.ends(lane.partition, end, self._clock.monotonic())
        except TopicRemade as error:
            self._remade = error
        except BrokerError as error:  # reading tells what is fatal
            self._monitor.broker_failed(error, self._clock.monotonic())
            LOG.warning("broker_unavailable", error=str(error), remedy=error.remedy, retry_in=_LOOK)

    # --- the end ----------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Flush all that is gathered, within the grace; the group's hints are left behind whole."""
        LOG.info("stopping", unfinished=self._unfinished(), grace=self._options.grace)
        self._monitor.stopping(self._clock.monotonic())
        self._flushes.finish(list(self._lanes.values()), self._options.grace, rest=True)
        self.summary.unfinished += self._unfinished()

    def _start_over(self, error: TopicRemade) -> None:
        """As if the process had been started again: the topic that was read is gone, its chain complete."""
        LOG.error("topic_made_again", error=str(error), unfinished=self._unfinished())
        self._drop([*self._openings, *self._lanes])
        self._source.close()
        self._remade = self._flushes.remade = None
        self._began, self._idle_since = self._clock.monotonic(), None
        self._source = self._open_source(self)

    def _unfinished(self) -> int:
        waiting = [opening.lane for opening in self._openings.values() if opening.lane]
        return sum(lane.unfinished for lane in (*self._lanes.values(), *waiting))

    # --- partitions come and go -------------------------------------------------------------------

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Have the tips of their chains looked for. See `Listener.assigned`."""
        now = self._idle_since = self._clock.monotonic()
        self._monitor.joined(now)
        for partition in partitions:
            self._monitor.assigned(partition, now)
            self._open(partition, None)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Finish what is on its way, drop the rest. See `Listener.revoked`."""
        lanes = [self._lanes[partition] for partition in partitions if partition in self._lanes]
        self._flushes.finish(lanes, self._options.grace, rest=False)
        self._drop(partitions)

    def lost(self, partitions: Sequence[Partition]) -> None:
        """Drop everything, commit nothing. See `Listener.lost`."""
        self._drop(partitions)

    def _drop(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            opening, lane = self._openings.pop(partition, None), self._lanes.pop(partition, None)
            if opening:
                opening.abandoned.set()
                lane = opening.lane
            if lane:
                lane.abandoned.set()
                self._read -= len(lane.buffer)
            self._monitor.gone(partition)

    def _open(self, partition: Partition, lane: Lane | None) -> None:
        """Have it found out where to begin; `lane` is what the partition has if it was being read."""
        abandoned = Event()
        search = Search(self._survey, partition)
        ask = partial(search.again, lane.chain, lane.buffer.reading_from) if lane else search
        found = self._crew.surveys.submit(
            patiently, ask, abandoned, lambda *failure: self._flushes.failed(partition, *failure)
        )
        self._openings[partition] = Opening(found, abandoned, lane)

    def _take_up(self) -> None:
        """Begin reading the partitions whose place is found."""
        for partition, opening in list(self._openings.items()):
            if opening.found.done():
                del self._openings[partition]
                try:
                    self._begin(partition, opening.found.result(), opening.lane)
                except TopicRemade as error:
                    self._remade = error

    def _begin(self, partition: Partition, found: Found, lane: Lane | None) -> None:
        """Read on from the position, or from the first offset that the broker still has."""
        position = found.position
        start = max(position, found.bounds.start)
        if lane is None:
            lane = Lane(partition, found.chain, self._buffer(found), found.bounds.next)
        self._lanes[partition] = lane
        if start > position:
            self._lose(lane, OffsetRange(position, start), silently=found.first)
        now = self._clock.monotonic()
        self._monitor.opened(partition, lane.buffer.position, start, now)
        self._monitor.ends(partition, found.bounds.next, now)
        self._source.begin(partition, start)
        self._source.resume([partition])  # it may have been paused when it was ours before, and stays so
        LOG.info("partition_opened", chain=str(found.chain.identity), position=position, reading_from=start)
        if found.elsewhere:
            LOG.warning("stored_elsewhere", chain=str(found.chain.identity), committed=found.elsewhere)

    def _buffer(self, found: Found) -> Buffer:
        chain, clock = found.chain.identity, self._clock
        partition, reader = Partition(chain.topic, chain.partition), self._options.reader
        decoder = Decoder(partition, chain.topic_id, self._options.max_record_bytes)
        gathered = ReadAtOnce(decoder, clock.now, reader()) if reader else Kept(decoder, clock.now)
        return Buffer(found.position, self._options.limits, gathered)

    def _lose(self, lane: Lane, lost: OffsetRange, *, silently: bool) -> None:
        """Note what the broker has deleted; it is no news where that was before the chain began."""
        lane.buffer.lose(lost)
        if silently:
            return
        self.summary.lost.append((lane.partition, lost))
        self._monitor.lost(lane.partition, lost)
        LOG.error("records_lost", chain=str(lane.chain.identity), start=lost.start, next=lost.next)


def _incarnation(chain: Chain) -> tuple[str, str]:
    return chain.identity.topic, chain.identity.topic_id
