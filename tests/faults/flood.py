"""Records that say who they are: the n-th of a partition gets offset n, and its value names both.

So whoever reads a row can tell whether it belongs where it stands, without asking whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.faults.waiting import eventually

_BAD_EVERY: Final = 97  #: each so many-th record is no event, and has to be stored byte for byte
_EVENT: Final = (
    b'{"event_id":"%s/%d/%d","event_type":"item_answered","timestamp":1757073600000,"learner_id":"learner-%d",'
    b'"session_id":"s-%d","data":{"item_id":"item-%d","correct":true,"skill_id":"fractions","attempt":1},'
    b'"metadata":{"platform":"ios","app_version":"4.2.1","locale":"es-MX","screen":"lesson/7"},"version":"1.0"}'
)
_BAD: Final = b"no event: %s/%d/%d"


def value(label: str, partition: int, offset: int) -> bytes:
    """The value of the record at this offset."""
    name = label.encode()
    if offset % _BAD_EVERY == _BAD_EVERY - 1:
        return _BAD % (name, partition, offset)
    return _EVENT % (name, partition, offset, offset % 5003, offset % 9973, offset % 997)


def strangers(rows: pl.DataFrame, label: str, topic_id: str, partition: int) -> int:
    """How many of an object's rows are not the record that their own offset names."""
    name = pl.format("{}/{}/{}", pl.lit(label), pl.col("_partition"), pl.col("_offset"))
    bad = pl.col("_offset") % _BAD_EVERY == _BAD_EVERY - 1
    own = (
        (pl.col("_partition") == partition)
        & (pl.col("_topic_id") == topic_id)
        & pl.when(bad)
        .then((pl.format("no event: {}", name).cast(pl.Binary) == pl.col("_raw")) & pl.col("event_id").is_null())
        .otherwise((pl.col("event_id") == name) & pl.col("_error").is_null())
    )
    return rows.height - rows.filter(own).height


class Flood:
    """Sends to the partitions of one topic in turn. `sent` is how many each has got, so its next offset."""

    def __init__(self, bootstrap: str, topic: str, label: str, partitions: int) -> None:
        self.topic, self.label = topic, label
        self.sent = dict.fromkeys(range(partitions), 0)
        self._failed: list[KafkaError] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "compression.type": "zstd",
                "linger.ms": 20,
                "message.timeout.ms": 120_000,
                "queue.buffering.max.messages": 200_000,
                "delivery.report.only.error": True,
                "on_delivery": lambda error, _: self._failed.append(error),
                "error_cb": lambda _: None,  # a broker that is away is what this is for
                "log_level": 2,
            }
        )

    def send(self, count: int) -> None:
        """Queue so many records in all, spread over the partitions."""
        share = -(-count // len(self.sent))
        for partition in self.sent:
            for _ in range(min(share, count)):
                self._send(partition)
            count -= min(share, count)
        self._producer.poll(0)
        assert not self._failed, self._failed[0].str()

    def _send(self, partition: int) -> None:
        record = value(self.label, partition, self.sent[partition])
        while True:
            try:
                self._producer.produce(self.topic, record, partition=partition)
                break
            except BufferError:
                self._producer.poll(0.1)
        self.sent[partition] += 1

    def widen(self, partitions: int) -> None:
        """The topic has so many partitions now."""
        self.sent |= dict.fromkeys(range(len(self.sent), partitions), 0)
        eventually(self._knows_all, "the producer knows each partition")

    def _knows_all(self) -> bool:
        """Whether the last partition can be sent to; asking is what makes the client look."""
        found = self._producer.list_topics(self.topic, timeout=30).topics[self.topic].partitions
        return len(found) == len(self.sent)

    def flush(self) -> None:
        """Wait until the broker has acknowledged all."""
        left = self._producer.flush(150)
        assert not self._failed, self._failed[0].str()
        assert left == 0, f"{left} records are not acknowledged"


def read_back(bootstrap: str, flood: Flood, starts: Mapping[int, int] | None = None) -> int:
    """Read the whole topic with a plain client; each offset must hold its own record. Answers how many."""
    left = {partition: count for partition, count in flood.sent.items() if count > (starts or {}).get(partition, 0)}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "read-back", "enable.auto.commit": False})
    try:
        begin = {partition: (starts or {}).get(partition, 0) for partition in left}
        consumer.assign([TopicPartition(flood.topic, partition, start) for partition, start in begin.items()])
        return _read(consumer, flood, begin, left)
    finally:
        consumer.close()


def _read(consumer: Any, flood: Flood, position: dict[int, int], left: dict[int, int]) -> int:
    count, quiet = 0, 0
    while left:
        messages = consumer.consume(1000, 1.0)
        quiet = 0 if messages else quiet + 1
        assert quiet < 30, f"the broker has no more, at {position} of {flood.sent}"
        for message in messages:
            assert message.error() is None, message.error()
            partition, offset = message.partition(), message.offset()
            assert offset == position[partition], f"[{partition}]: {offset} instead of {position[partition]}"
            assert message.value() == value(flood.label, partition, offset), f"[{partition}] {offset}"
            position[partition] += 1
            if position[partition] == left.get(partition):
                del left[partition]
        count += len(messages)
    return count
