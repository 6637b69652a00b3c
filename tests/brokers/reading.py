"""Plain clients for the contract suite: nothing of `ingest.source`, whose foundation is tested here."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from ingest.kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PARTITIONS = range(4)
PATIENCE = 30.0


class Topic(NamedTuple):
    settings: dict[str, Any]
    name: str

    def produce(self, records: Iterable[tuple[bytes | None, bytes | None]], timestamp: int = 0) -> int:
        with Producer(self.settings, self.name) as producer:
            for key, value in records:
                producer.send(key, value, timestamp)
        return producer.acked

    @contextlib.contextmanager
    def consumer(self, group: str = "readers", **properties: object) -> Iterator[Consumer]:
        own = {"group.id": f"{group}-{self.name}", "enable.partition.eof": True, "enable.auto.commit": False}
        own |= {
            "fetch.wait.max.ms": 20,
            "auto.offset.reset": "error",
            "partition.assignment.strategy": "cooperative-sticky",
        }
        consumer = Consumer({**self.settings, **own, **{name.replace("_", "."): v for name, v in properties.items()}})
        try:
            yield consumer
        finally:
            consumer.close()

    def at(self, offset: int, partition: int, metadata: str = "") -> TopicPartition:
        return TopicPartition(self.name, partition, offset, metadata)

    def read(self, start: int = 0, **properties: object) -> list[Message]:
        """Every record from `start` of each partition to its end, as the broker tells the ends."""
        with self.consumer(**properties) as consumer:
            consumer.assign([self.at(start, number) for number in PARTITIONS])
            return to_the_end(consumer, set(PARTITIONS))


def to_the_end(consumer: Consumer, partitions: set[int]) -> list[Message]:
    """Records until each of these partitions has told its end. An error event is a failure."""
    records, deadline = [], time.monotonic() + PATIENCE
    for event in events(consumer, deadline):
        error = event.error()
        if error is None:
            records.append(event)
        else:
            assert error.code() == KafkaError._PARTITION_EOF, error
            partitions = partitions - {event.partition()}
        if not partitions:
            break
    assert not partitions, f"no end of partitions {partitions}"
    return records


def events(consumer: Consumer, deadline: float) -> Iterator[Message]:
    while time.monotonic() < deadline:
        event = consumer.poll(0.1)
        if event is not None:
            yield event
