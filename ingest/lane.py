"""One partition of the consumer: what is gathered for it, and what is on its way to the store."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ingest.batch import Batch, Buffer
    from ingest.chain import Appended, Chain
    from ingest.objects import Object
    from ingest.records import Partition
    from ingest.survey import Found


class Prepared(NamedTuple):
    """A batch that is being encoded, and may not be put before the one ahead of it is settled."""

    batch: Batch
    encoded: Future[Object]
    nbytes: int  #: of memory that it holds


class Flight(NamedTuple):
    """A batch on its way to the store since a time, and what will have become of it."""

    batch: Batch
    appended: Future[Appended]
    nbytes: int  #: of memory that it holds
    since: float


class Opening(NamedTuple):
    """A partition that is ours, and not being read: where to begin is being looked for.

    `lane` is what was gathered before the broker turned out to lack the next offset; None at first.
    """

    found: Future[Found]
    abandoned: Event
    lane: Lane | None


class Lane:
    """One assigned partition: its chain, what is gathered for it, at most one batch on its way, one behind it."""

    def __init__(self, partition: Partition, chain: Chain, buffer: Buffer, goal: int) -> None:
        self.partition = partition
        self.chain = chain
        self.buffer = buffer
        self.goal = goal  #: the offset at which a run with `once` has seen this partition
        self.ended_at = 0  #: where the partition's end was when it was read to it last
        self.flight: Flight | None = None
        self.prepared: Prepared | None = None
        self.abandoned = Event()  #: tells the batch on its way to give up at the next failure

    @property
    def at_goal(self) -> bool:
        """Whether the partition was read to where it ended when the run took it up."""
        return max(self.buffer.reading_from, self.ended_at) >= self.goal

    @property
    def held(self) -> int:
        """Bytes of memory that the partition holds, about."""
        return self.buffer.held + sum(one.nbytes for one in (self.flight, self.prepared) if one)

    @property
    def idle(self) -> bool:
        """Whether nothing is gathered and nothing is on its way."""
        return self.flight is None and self.prepared is None and not len(self.buffer)

    @property
    def arrived(self) -> Flight | None:
        """The flight, if its outcome is known."""
        return self.flight if self.flight and self.flight.appended.done() else None

    @property
    def unfinished(self) -> int:
        """How many records were read and are not known to be stored."""
        return len(self.buffer) + sum(one.batch.rows.height for one in (self.flight, self.prepared) if one)

    def land(self, flight: Flight) -> Appended:
        """Take a flight that has arrived off the lane, and drop what its object covers.

        Raises what it raised, and then it stays.
        """
        appended = flight.appended.result()
        self.flight = None
        self.buffer.drop_before(appended.next)
        return appended
