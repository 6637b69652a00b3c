"""Where partitions stand with the broker: asked before the store is read, and again behind it.

The order matters while the pipeline runs. What the broker had deleted before the store was read can't be in a
chain that grew meanwhile; where it ends afterwards is never before the end of any chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ingest.errors import BrokerError, BrokerUnavailable, TopicRemade
from ingest.objects import ChainId
from ingest.records import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ingest.chain import Broker, Hint
    from ingest.records import OffsetRange
    from ingest.tails import Unread

_DOUBTS: Final = 5  # how often, a second apart, a broker is asked again whose answer may change


class Reader(Protocol):
    """What `ingest.tails.Tails` can do."""

    def partitions(self, topic: str) -> list[Partition]:
        """The topic's partitions."""

    def first_unread(self, positions: Mapping[Partition, int]) -> dict[Partition, Unread]:
        """The first record of each partition at or after its position, if there is one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A partition before the store was read: its chain now, what the broker has of it, what a group committed."""

    chain: ChainId
    bounds: OffsetRange
    committed: Hint | None
    group: str

    @property
    def committed_key(self) -> str | None:
        """The key of the object whose end the group has committed, if the commit names it."""
        hint = self.committed
        return None if hint is None or hint.slot is None else self.chain.key(hint.slot)


@dataclass(frozen=True, slots=True)
class End:
    """A partition after the store was read: the offset that the next record gets, and the first one unread."""

    offset: int
    unread: Unread | None

    @property
    def behind(self) -> int:
        """How far the chain is behind: offsets from the first unread record on, so none for mere markers."""
        return self.offset - self.unread.offset if self.unread else 0


@dataclass(frozen=True, slots=True)
class Marks:
    """Asks about some topics. `group` is whose commits the broker answers; `sleep` waits so many seconds."""

    broker: Broker
    reader: Reader
    topics: Sequence[str]
    group: str
    sleep: Callable[[float], None]

    def before(self) -> list[Mark]:
        """Every partition of the topics, as the broker has them now. Raises `BrokerError`."""
        found = []
        for topic in self.topics:
            identity = self.broker.identity(topic)
            for one in self.reader.partitions(topic):
                chain = ChainId(topic, identity, one.number)
                found.append(Mark(chain, self._ask_bounds(one), self._committed(one), self.group))
        return found

    def after(self, positions: Mapping[ChainId, int]) -> dict[ChainId, End]:
        """Where partitions end, and what follows the positions that their chains have reached.

        A new leader may not know for a moment how far the old one was, so it is asked again. Raises
        `TopicRemade` if a topic is no longer the one that was asked about before.
        """
        for topic, identity in {(chain.topic, chain.topic_id) for chain in positions}:
            if self.broker.identity(topic) != identity:
                raise TopicRemade(f"topic {topic} was made again meanwhile", "Ask again.")
        bounds = {chain: self._bounds(chain, position) for chain, position in positions.items()}
        starts = {
            _partition(chain): max(position, bounds[chain].start)
            for chain, position in positions.items()
            if position < bounds[chain].next
        }
        unread = self.reader.first_unread(starts) if starts else {}
        return {chain: End(bounds[chain].next, unread.get(_partition(chain))) for chain in positions}

    def _committed(self, partition: Partition) -> Hint | None:
        """What the group committed; None also where the group can't be asked: it is one witness more, no more."""
        try:
            return self.broker.committed(partition)
        except BrokerError:
            return None

    def _bounds(self, chain: ChainId, position: int) -> OffsetRange:
        found = self._ask_bounds(_partition(chain))
        for _ in range(_DOUBTS):
            if position <= found.next:
                break
            self.sleep(1)
            found = self._ask_bounds(_partition(chain))
        return found

    def _ask_bounds(self, partition: Partition) -> OffsetRange:
        """Of a broker that was reached a moment ago: a client may not know a partition at first."""
        for _ in range(_DOUBTS):
            try:
                return self.broker.bounds(partition)
            except BrokerUnavailable:
                self.sleep(1)
        return self.broker.bounds(partition)


def _partition(chain: ChainId) -> Partition:
    return Partition(chain.topic, chain.partition)
