"""Where partitions stand: asked of the broker and of the chain, apart from reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ingest.errors import BrokerUnavailable, ChainError, TopicRemade

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.chain import Broker, Chain
    from ingest.records import OffsetRange, Partition

_DOUBTS: Final = 6  # how often a broker is asked again that ends before the chain does: six seconds or so


class Found(NamedTuple):
    """Where a partition stands: its chain, the slot that comes next, and what the broker still has.

    `first`: the chain is empty, so that what the broker no longer has was gone before the pipeline began. `elsewhere`
    is then how far the group has stored in another place, if it has.
    """

    chain: Chain
    position: int
    bounds: OffsetRange
    first: bool
    elsewhere: int | None = None


class Survey(NamedTuple):
    """Who is asked: the broker, and `open_chain` for the chain of a partition and its topic's identity."""

    broker: Broker
    open_chain: Callable[[Partition, str], Chain]


class Search:
    """Looks for where to begin one partition. Call it until it answers: it remembers its doubts."""

    def __init__(self, survey: Survey, partition: Partition) -> None:
        self._broker, self._open_chain = survey
        self._partition = partition
        self._doubts = 0

    def __call__(self) -> Found:
        """Step 1 of the protocol: find the tip of the chain. Raises what passes, and `ChainError`."""
        chain = self._open_chain(self._partition, self._broker.identity(self._partition.topic))
        hint = self._broker.committed(self._partition)
        last = chain.last(hint)
        if last:
            return Found(chain, last.range.next, self._bounds(last.range.next), first=False)
        bounds = self._bounds(0)
        chain.check_commit(hint, bounds.start, "is empty")
        return Found(chain, 0, bounds, first=True, elsewhere=hint.offset if hint and hint.slot is not None else None)

    def again(self, chain: Chain, position: int) -> Found:
        """The same for a partition that was being read, up to `position`. Raises `TopicRemade` too."""
        check_identity(self._broker, chain)
        return Found(chain, position, self._bounds(position), first=False)

    def _bounds(self, position: int) -> OffsetRange:
        """What the broker has. A new leader may not know for a moment how far the old one was."""
        bounds = self._broker.bounds(self._partition)
        if position <= bounds.next:
            return bounds
        self._doubts += 1
        text = f"the chain of {self._partition} ends at offset {position}, but the broker only at {bounds.next}"
        if self._doubts < _DOUBTS:
            raise BrokerUnavailable(text, "It is asked again for some seconds.")
        raise ChainError(
            text,
            "The broker lost records that are stored (an unclean election?), or the topic was made again under "
            "the same generation. What follows would be skipped: set another prefix or KAFKA_TOPIC_GENERATION.",
        )


def check_identity(broker: Broker, chain: Chain) -> None:
    """Raise `TopicRemade` unless the topic is still the one whose chain this is.

    Asked after the last record of a batch was read, the answer covers them all: ids never come back.
    """
    identity = broker.identity(chain.identity.topic)
    if identity != chain.identity.topic_id:
        raise TopicRemade(
            f"topic {chain.identity.topic} was made again: it is {identity} now, and was {chain.identity.topic_id}"
        )
