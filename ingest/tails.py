"""What is still to be read of a partition: asked by reading its next record, without joining a group.

With `ingest.kafka`, `ingest.broker` and `ingest.source`, an importer of confluent_kafka.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, Message, TopicPartition

from ingest.errors import BrokerError
from ingest.kafka import Watch, broker_error
from ingest.records import Partition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATIENCE: Final = 10.0  # seconds that a question may take, and a look for records of all partitions together
_POLL: Final = 0.1
_FIXED: Final[Mapping[str, Any]] = {
    "auto.offset.reset": "error",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    # One record of each partition is wanted, or its end, and soon: don't read ahead, and don't wait for more.
    "fetch.wait.max.ms": 50,
    "queued.max.messages.kbytes": 1024,
    "fetch.message.max.bytes": 65536,
}
_OUT_OF_RANGE: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


class Unread(NamedTuple):
    """The first record at or after a position: its offset, and its timestamp in epoch milliseconds.

    Without a timestamp it may be that no record was reached in time: then `offset` is the position itself.
    """

    offset: int
    timestamp: int | None


class Tails:
    """Looks at what follows a position. A context manager; not for several threads at once.

    `settings` are a client's. `group` is only a name that the broker lets us use: it is neither joined nor
    committed to.
    """

    def __init__(self, settings: Mapping[str, Any], group: str) -> None:
        self._watch = Watch()
        asking = {name: value for name, value in settings.items() if name != "group.instance.id"}
        with self._watch.during("starting the Kafka client"):
            self._client = Consumer({**asking, **_FIXED, "group.id": group, "error_cb": self._watch.note})

    def partitions(self, topic: str) -> list[Partition]:
        """The topic's partitions, in order. Raises `BrokerError`."""
        doing = f"asking for the partitions of {topic}"
        with self._watch.during(doing, self._client.poll):
            found = self._client.list_topics(topic, timeout=_PATIENCE).topics[topic]
        if found.error is not None:
            raise broker_error(doing, found.error, self._watch.cause)
        return [Partition(topic, number) for number in sorted(found.partitions)]

    def first_unread(self, positions: Mapping[Partition, int]) -> dict[Partition, Unread]:
        """The first record of each partition at or after its position; no entry if none is there.

        Offsets without a record (markers of transactions, aborted or compacted records) are passed over, and
        an open transaction's records are not there yet. A position that the broker has not got, or whose
        record does not come within ten seconds, is answered as it stands: something may be there.
        """
        found = {partition: Unread(offset, None) for partition, offset in positions.items()}
        with self._reading(positions):
            for event in self._answers(set(positions)):
                if event.error() is None:
                    found[_partition(event)] = _unread(event)
                elif _is_end(event.error()):
                    del found[_partition(event)]
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @contextlib.contextmanager
    def _reading(self, positions: Mapping[Partition, int]) -> Iterator[None]:
        places = [TopicPartition(*partition, offset) for partition, offset in positions.items()]
        with self._watch.during("looking for the next records"):
            self._client.assign(places)
            try:
                yield
            finally:
                self._client.resume(places)  # a pause would outlast the assignment
                self._client.unassign()

    def _answers(self, waiting: set[Partition]) -> Iterator[Message]:
        """Of each partition one: its record, its end, or that the broker has no such position."""
        deadline = time.monotonic() + _PATIENCE
        while waiting and time.monotonic() < deadline:
            event = self._client.poll(_POLL)
            if event is not None and _is_answer(event) and _partition(event) in waiting:
                waiting.discard(_partition(event))
                self._client.pause([TopicPartition(*_partition(event))])  # its further records are not wanted
                yield event


def _is_answer(event: Message) -> bool:
    """Whether it says something of a position, and is no fault that the client mends by itself."""
    error = event.error()
    return error is None or _is_end(error) or error.code() in _OUT_OF_RANGE


def _is_end(error: KafkaError | None) -> bool:
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _partition(event: Message) -> Partition:
    number = event.partition()
    return Partition(event.topic() or "", -1 if number is None else number)


def _unread(record: Message) -> Unread:
    kind, timestamp = record.timestamp()
    offset = record.offset()
    if offset is None:  # the client's types allow it, a record never has none
        raise BrokerError(f"a record of {record.topic()} came without an offset")
    return Unread(offset, None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp)
