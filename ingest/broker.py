"""What is asked of Kafka apart from reading: which topic is it, where does a partition end, what was committed.

A client of its own asks, so that an answer does not depend on how reading is doing, and from any thread.
With `ingest.kafka` and `ingest.source`, an importer of confluent_kafka.
"""

from __future__ import annotations

import difflib
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from ingest.chain import Hint
from ingest.errors import BrokerError, BrokerUnavailable
from ingest.kafka import TopicIds, Watch
from ingest.records import OffsetRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ingest.records import Partition

_PATIENCE: Final = 10.0  # seconds that a question may take
_HINT: Final = re.compile(r"slot=(\d+) place=([0-9a-f]{8})", re.ASCII)  # how it stands in a commit's metadata


class KafkaBroker:
    """The `Broker` of the protocol. A question takes about a millisecond, or fails within seconds.

    `settings` are a client's, `group` is whose commits are asked for, and `generation` stands for the id of
    topics that have none. A context manager.
    """

    def __init__(self, settings: Mapping[str, Any], group: str, generation: str | None = None) -> None:
        self._ids = TopicIds(settings)
        self._generation = generation
        self._topic: str | None = None  # one that is there
        self._watch = Watch()
        self._lock = threading.Lock()
        own: dict[str, Any] = {"group.id": group, "isolation.level": "read_committed", "error_cb": self._watch.note}
        asking = {name: value for name, value in settings.items() if name != "group.instance.id"}  # it never joins
        with self._watch.during("starting the Kafka client"):
            self._client = Consumer(asking | own)

    def require(self, topics: Sequence[str]) -> str:
        """The cluster's id, or "". Raises `BrokerError` if the broker can't be reached or lacks one of the topics."""
        with self._asking("reaching the broker"):
            found = self._client.list_topics(timeout=_PATIENCE)
        for topic in topics:
            if topic not in found.topics:
                raise no_topic(topic, [name for name in found.topics if not name.startswith("__")])
        self._topic = topics[0] if topics else None
        return str(found.cluster_id or "")

    def reach(self) -> None:
        """See `Broker.reach`."""
        with self._asking("reaching the broker"):
            self._client.list_topics(self._topic, timeout=_PATIENCE)  # of all topics, where none is known yet

    def has_id(self, topic: str) -> bool:
        """Whether the topic has an id, or another name stands for it."""
        return self._ids(topic, _PATIENCE) is not None

    def identity(self, topic: str) -> str:
        """See `Broker.identity`."""
        return self._ids(topic, _PATIENCE) or self._generation or topic

    def bounds(self, partition: Partition) -> OffsetRange:
        """See `Broker.bounds`."""
        with self._asking(f"asking for the offsets of {partition}"):
            try:
                low, high = self._client.get_watermark_offsets(TopicPartition(*partition), timeout=_PATIENCE)
            except KafkaException as error:
                if error.args[0].code() != KafkaError._UNKNOWN_PARTITION:
                    raise
                # A partition that was just added: make the client look again, for the next time.
                self._client.list_topics(partition.topic, timeout=_PATIENCE)
                raise BrokerUnavailable(
                    f"the broker does not know {partition} yet", "Was the topic made again with fewer partitions?"
                ) from error
        return OffsetRange(low, high)

    def committed(self, partition: Partition) -> Hint | None:
        """See `Broker.committed`."""
        with self._asking(f"asking for the group's offset of {partition}"):
            [place] = self._client.committed([TopicPartition(*partition)], timeout=_PATIENCE)
        return _hint(place.offset, place.metadata) if place.offset >= 0 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:  # a client must not be closed under a question
            self._client.close()

    @contextmanager
    def _asking(self, doing: str) -> Iterator[None]:
        with self._lock, self._watch.during(doing, self._client.poll):
            yield


def hint_text(hint: Hint) -> str:
    """How a hint's slot and place stand in a commit's metadata."""
    return f"slot={hint.slot} place={hint.place}"


def _hint(offset: int, metadata: str | None) -> Hint:
    found = _HINT.fullmatch(metadata or "")
    return Hint(offset, int(found[1]), found[2]) if found else Hint(offset, None)


def no_topic(topic: str, known: Sequence[str]) -> BrokerError:
    """What is said of a topic that is not among those known."""
    near = difflib.get_close_matches(topic, known, 1)
    has = f"did you mean {near[0]}?" if near else f"it has: {', '.join(sorted(known)[:20]) or 'none'}"
    return BrokerError(
        f"the broker has no topic {topic} ({has})",
        f"Mend KAFKA_TOPIC_EVENTS_RAW, let this user see it (ACL), or make it: rpk topic create {topic} -p 4, or "
        f"kafka-topics.sh --create --topic {topic} --partitions 4; `ingest produce FILE` makes it on first use.",
    )
