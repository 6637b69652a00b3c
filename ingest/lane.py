"""One partition of the consumer: what is gathered for it, and what is on its way to the store."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ingest.batch import Batch, Buffer
    from ingest.chain import Appended, Chain
    from ingest.records import Partition


class Flight(NamedTuple):
    """A batch on its way to the store, what will have become of it, and the memory that it holds meanwhile."""

    batch: Batch
    appended: Future[Appended]
    nbytes: int


class Lane:
    """One assigned partition: its chain, what is gathered for it, and at most one batch on its way."""

    def __init__(self, partition: Partition, chain: Chain, buffer: Buffer) -> None:
        self.partition = partition
        self.chain = chain
        self.buffer = buffer
        self.flight: Flight | None = None
        self.goal = 0  #: the offset at which a run with `once` has seen this partition; 0 at its end
        self.abandoned = Event()  #: tells the batch on its way to give up at the next failure

    @property
    def at_goal(self) -> bool:
        """Whether the partition was read to where it ended when the run took it up, or to its end."""
        return self.buffer.reading_from >= self.goal

    @property
    def held(self) -> int:
        """Bytes of memory that the partition holds, about."""
        return self.buffer.held + (self.flight.nbytes if self.flight else 0)

    @property
    def idle(self) -> bool:
        """Whether nothing is gathered and nothing is on its way."""
        return self.flight is None and not len(self.buffer)

    @property
    def arrived(self) -> Flight | None:
        """The flight, if its outcome is known."""
        return self.flight if self.flight and self.flight.appended.done() else None

    @property
    def unfinished(self) -> int:
        """How many records were read and are not known to be stored."""
        return len(self.buffer) + (self.flight.batch.rows.height if self.flight else 0)

    def land(self, flight: Flight) -> Appended:
        """Take a flight that has arrived off the lane, and drop what its object covers. Raises what it raised."""
        appended = flight.appended.result()
        self.flight = None
        self.buffer.drop_before(appended.next)
        return appended
