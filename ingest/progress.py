"""What the consumer was heard to do, and when: the state that health is judged by (`ingest.health`).

Times are seconds of a clock that only ever grows, and come as `now`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.batch import Batch, Due
    from ingest.chain import Appended
    from ingest.records import OffsetRange, Partition


@dataclass(slots=True)
class Track:
    """One partition of ours.

    `read_to`: all records before this offset that can be read were read. `end`: where the broker's partition
    ended when last asked. `quiet_since`: when reading last went on, or there was last nothing to read; time in
    which something else hindered is left out, so that it lies later. `behind`: how often since then the broker
    was found to have more. `heard_at`: when reading went on or the end was told.
    """

    quiet_since: float
    heard_at: float
    opened: bool = False
    read_to: int = 0
    end: int = 0
    behind: int = 0
    flushing: int = 0  #: batches that were due and are on their way
    flushing_since: float | None = None  #: when the first of them was due, or the one before it landed
    failing_since: float | None = None  #: since when the store has not answered for it
    error: Exception | None = None  #: what the store said last

    @property
    def lag(self) -> int:
        """How many offsets the broker has that were not read."""
        return max(0, self.end - self.read_to)

    def move(self, read_to: int, now: float) -> None:
        """Reading went on, to this offset."""
        self.read_to = max(read_to, self.read_to)
        self.quiet_since = self.heard_at = now
        self.behind = 0

    def ask(self, end: int, now: float) -> None:
        """The broker says where the partition ends."""
        self.end, self.heard_at = end, now
        self.behind += 1
        if not self.lag:
            self.quiet_since, self.behind = now, 0

    def excuse(self, seconds: float, now: float) -> None:
        """So much of the quiet time was not its own fault."""
        self.quiet_since = min(now, self.quiet_since + seconds)

    def heal(self) -> None:
        """The store has answered."""
        self.failing_since = self.error = None


@dataclass(slots=True)
class Run:
    """One run of the consumer."""

    turned_at: float  #: when the poll loop last went round; at first, the start
    waiting_since: float  #: since when no partition was given to us, if none ever was or all are gone
    broker_answered_at: float
    joined: bool = False
    stopping: bool = False
    broker_failing_since: float | None = None
    broker_error: Exception | None = None
    tracks: dict[Partition, Track] = field(default_factory=dict)

    @property
    def store_is_busy(self) -> bool:
        """Whether anything waits for the store."""
        return any(
            track.flushing_since is not None or track.failing_since is not None for track in self.tracks.values()
        )

    def answer(self, now: float) -> None:
        """The broker has answered: a partition's silence since it failed is no fault of its own."""
        if self.broker_failing_since is not None:
            for track in self.tracks.values():
                track.excuse(now - self.broker_answered_at, now)
        self.broker_answered_at = now
        self.broker_failing_since = self.broker_error = None


class Progress:
    """Listens to the consumer (`ingest.monitor.Monitor`) and remembers what matters."""

    def __init__(self, now: float) -> None:
        self._run = Run(turned_at=now, waiting_since=now, broker_answered_at=now)
        self._lock = Lock()

    def run(self) -> Run:
        """The state, as a copy that changes no more."""
        with self._lock:
            tracks = {partition: replace(track) for partition, track in self._run.tracks.items()}
            return replace(self._run, tracks=tracks)

    def turned(self, now: float, held: int, paused: bool) -> None:
        """See `Monitor.turned`."""
        with self._lock:
            if paused and self._run.store_is_busy:  # memory is full, and the store is at work on it or fails
                for track in self._run.tracks.values():
                    track.excuse(now - self._run.turned_at, now)
            self._run.turned_at = now

    def joined(self, now: float) -> None:
        """See `Monitor.joined`."""
        with self._lock:
            self._run.joined = True
            self._run.answer(now)

    def assigned(self, partition: Partition, now: float) -> None:
        """See `Monitor.assigned`."""
        with self._lock:
            self._run.tracks[partition] = Track(now, now)

    def opened(self, partition: Partition, position: int, reading_from: int, now: float) -> None:
        """See `Monitor.opened`."""
        self._moved(partition, reading_from, now)
        with self._lock:
            if track := self._run.tracks.get(partition):
                track.opened = True
                track.heal()

    def gone(self, partition: Partition) -> None:
        """See `Monitor.gone`."""
        with self._lock:
            self._run.tracks.pop(partition, None)
            if not self._run.tracks:  # until the group says that there is none for us, one is waited for
                self._run.joined, self._run.waiting_since = False, self._run.turned_at

    def read(self, partition: Partition, records: int, nbytes: int, reading_from: int, now: float) -> None:
        """See `Monitor.read`."""
        self._moved(partition, reading_from, now)

    def reached(self, partition: Partition, offset: int, now: float) -> None:
        """See `Monitor.reached`."""
        self._moved(partition, offset, now)

    def ends(self, partition: Partition, end: int, now: float) -> None:
        """See `Monitor.ends`."""
        with self._lock:
            self._run.answer(now)
            if track := self._run.tracks.get(partition):
                track.ask(end, now)

    def flushing(self, partition: Partition, due: Due, now: float) -> None:
        """See `Monitor.flushing`."""
        with self._lock:
            if track := self._run.tracks.get(partition):
                track.flushing += 1
                track.flushing_since = now if track.flushing_since is None else track.flushing_since

    def landed(self, partition: Partition, batch: Batch, appended: Appended, seconds: float, now: float) -> None:
        """See `Monitor.landed`."""
        with self._lock:
            if track := self._run.tracks.get(partition):
                track.flushing -= 1
                track.flushing_since = now if track.flushing > 0 else None
                track.heal()

    def store_failed(self, partition: Partition, error: Exception, now: float) -> None:
        """See `Monitor.store_failed`."""
        with self._lock:
            if track := self._run.tracks.get(partition):
                track.failing_since = now if track.failing_since is None else track.failing_since
                track.error = error

    def store_answered(self, partition: Partition, now: float) -> None:
        """See `Monitor.store_answered`."""
        with self._lock:
            if track := self._run.tracks.get(partition):
                track.heal()

    def broker_failed(self, error: Exception, now: float) -> None:
        """See `Monitor.broker_failed`."""
        with self._lock:
            since = self._run.broker_failing_since
            self._run.broker_failing_since = now if since is None else since
            self._run.broker_error = error

    def broker_answered(self, now: float) -> None:
        """See `Monitor.broker_answered`."""
        with self._lock:
            self._run.answer(now)

    def lost(self, partition: Partition, lost: OffsetRange) -> None:
        """See `Monitor.lost`: a metric's matter."""

    def stopping(self, now: float) -> None:
        """See `Monitor.stopping`."""
        with self._lock:
            self._run.stopping = True

    def _moved(self, partition: Partition, read_to: int, now: float) -> None:
        with self._lock:
            self._run.answer(now)
            if track := self._run.tracks.get(partition):
                track.move(read_to, now)
