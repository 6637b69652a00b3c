"""Reading Kafka: the `Source` of the protocol, over librdkafka's consumer group.

With `ingest.kafka`, the only importer of confluent_kafka.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from ingest.chain import Hint, Listener, Polled
from ingest.errors import BrokerError, SettingsError
from ingest.kafka import Watch, broker_error
from ingest.records import OffsetRange, Partition, Records

LOG: Final = structlog.get_logger("ingest.source")

#: Records taken at a time: enough to leave Python's cost per call behind, few enough to stay in the cache.
_TAKE: Final = 1000
_TRIES: Final = 10
_PATIENCE: Final = 30.0  # seconds that a question to the broker may take

_DEFAULTS: Final[Mapping[str, Any]] = {
    "partition.assignment.strategy": "cooperative-sticky",
    # Read from exactly where the chain ends, and say so if the broker has no such offset any more.
    "auto.offset.reset": "error",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    # Ask for more as soon as the queue has room: the default of a second leaves the consumer idle.
    "fetch.queue.backoff.ms": 5,
    "queued.max.messages.kbytes": 65536,
}
#: What the client mends by itself: it reconnects, or joins the group anew.
_PASSING: Final = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    KafkaError._MAX_POLL_EXCEEDED,
}
_RELIED_ON: Final = {"auto.offset.reset", "enable.auto.commit", "enable.partition.eof", "isolation.level"}
_SLOT: Final = "slot="  # how a hint's slot stands in the commit's metadata


def consumer_settings(settings: Mapping[str, Any], group: str, extra: Mapping[str, str]) -> dict[str, Any]:
    """Compose a group consumer's librdkafka properties; `extra` wins, but for what the protocol relies on."""
    own = dict(_DEFAULTS) | {"group.id": group}
    if extra.get("group.protocol") == "consumer":
        own.pop("partition.assignment.strategy")
    if fixed := _RELIED_ON & extra.keys():
        raise SettingsError(
            f"--kafka-config {', '.join(sorted(fixed))}: the protocol relies on our value", "Leave it."
        )
    return {**settings, **own, **extra}


class KafkaSource:
    """One member of a consumer group that reads one topic. Not for use by several threads."""

    def __init__(self, settings: Mapping[str, Any], topic: str, listener: Listener) -> None:
        self._listener = listener
        self._watch = Watch()
        with self._watch.during("starting the consumer"):
            self._consumer = Consumer(
                {**settings, "error_cb": self._watch.note, "on_commit": _committed_in_background}
            )
        strategy = settings.get("partition.assignment.strategy", "cooperative-sticky")
        self._cooperative = "cooperative" in strategy
        try:
            self._require(topic)
            self._consumer.subscribe(
                [topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
        except BaseException:
            self.close()  # a consumer that is dropped without being closed hangs when it is collected
            raise

    def poll(self, timeout: float) -> Polled:
        """See `Source.poll`; the bound is 1000 records."""
        polled = Polled({}, set(), set())
        with self._watch.during("reading"):
            messages = self._consumer.consume(_TAKE, timeout)
        for message in messages:
            error = message.error()
            if error is None:
                _gather(message, polled.records)
            else:
                _note(error, message, polled)
        return polled

    def bounds(self, partition: Partition) -> OffsetRange:
        """See `Source.bounds`."""
        with self._watch.during(f"asking for the offsets of {partition}"):
            for _ in range(_TRIES):
                try:
                    low, high = self._consumer.get_watermark_offsets(_place(partition), timeout=_PATIENCE)
                    return OffsetRange(low, high)
                except KafkaException as error:  # a partition that was just added, and is not known here yet
                    if error.args[0].code() != KafkaError._UNKNOWN_PARTITION:
                        raise
                    self._consumer.list_topics(partition.topic, timeout=_PATIENCE)
        raise BrokerError(f"the broker does not know {partition}", "Was the topic made again with fewer partitions?")

    def committed(self, partitions: Sequence[Partition]) -> dict[Partition, Hint]:
        """See `Source.committed`."""
        with self._watch.during("asking for the group's offsets"):
            places = self._consumer.committed([_place(partition) for partition in partitions], timeout=_PATIENCE)
        return {
            Partition(place.topic, place.partition): Hint(place.offset, _slot(place.metadata))
            for place in places
            if place.offset >= 0
        }

    def commit(self, hints: Mapping[Partition, Hint]) -> None:
        """See `Source.commit`; a commit that is refused is logged."""
        places = [
            TopicPartition(*partition, hint.offset, metadata=f"{_SLOT}{hint.slot}")
            for partition, hint in hints.items()
        ]
        try:
            self._consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            _committed_in_background(error.args[0], places)

    def seek(self, partition: Partition, offset: int) -> None:
        """See `Source.seek`."""
        place = [_place(partition, offset)]
        with self._watch.during(f"going to offset {offset} of {partition}"):
            try:
                self._consumer.seek(place[0])
            except KafkaException as error:
                # A partition whose offset is gone is not being fetched any more, and can't be sought: it is
                # taken up anew. Eager assignors can't do that for one partition; there a restart does it.
                if error.args[0].code() != KafkaError._STATE or not self._cooperative:
                    raise
                self._consumer.incremental_unassign(place)
                self._consumer.incremental_assign(place)

    def pause(self, partitions: Sequence[Partition]) -> None:
        """See `Source.pause`."""
        self._consumer.pause([_place(partition) for partition in partitions])

    def resume(self, partitions: Sequence[Partition]) -> None:
        """See `Source.resume`."""
        self._consumer.resume([_place(partition) for partition in partitions])

    def close(self) -> None:
        """See `Source.close`."""
        self._consumer.close()

    def _require(self, topic: str) -> None:
        """Fail now, and clearly, if the broker can't be reached or has no such topic."""
        with self._watch.during("reaching the broker", self._consumer.poll):
            known = self._consumer.list_topics(timeout=_PATIENCE).topics
        if topic not in known:
            near = ", ".join(sorted(name for name in known if not name.startswith("__"))) or "none"
            raise BrokerError(
                f"the broker has no topic {topic} (it has: {near})",
                "Create the topic, mend KAFKA_TOPIC_EVENTS_RAW, or send it records: ingest produce.",
            )

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        starts = self._listener.assigned([Partition(place.topic, place.partition) for place in places])
        begin = consumer.incremental_assign if self._cooperative else consumer.assign
        begin([_place(partition, offset) for partition, offset in starts.items()])

    def _on_revoke(self, _: Consumer, places: list[TopicPartition]) -> None:
        self._listener.revoked([Partition(place.topic, place.partition) for place in places])

    def _on_lost(self, _: Consumer, places: list[TopicPartition]) -> None:
        self._listener.lost([Partition(place.topic, place.partition) for place in places])


def _gather(message: Message, records: dict[Partition, Records]) -> None:
    # `if message:` would lose tombstones and empty values: a message is as long as its value.
    kind, timestamp = message.timestamp()
    partition, offset = _partition(message), message.offset()
    if offset is None:  # the client's types allow it, a record never has none
        raise BrokerError(f"a record of {partition} came without an offset")
    run = records.get(partition)
    if run is None:
        run = records[partition] = Records()
    run.append(offset, None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp, message.value())


def _note(error: KafkaError, message: Message, polled: Polled) -> None:
    partition = _partition(message)
    if error.code() == KafkaError._PARTITION_EOF:
        polled.ended.add(partition)
    elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        polled.cut.add(partition)
    elif error.fatal() or not (error.retriable() or error.code() in _PASSING):
        raise broker_error(f"reading {partition}", error)
    else:
        LOG.warning("source_error", topic=partition.topic, partition=partition.number, error=error.str())


def _partition(message: Message) -> Partition:
    number = message.partition()
    return Partition(message.topic() or "", -1 if number is None else number)


def _place(partition: Partition, offset: int | None = None) -> TopicPartition:
    return TopicPartition(*partition) if offset is None else TopicPartition(*partition, offset)


def _slot(metadata: str | None) -> int | None:
    text = (metadata or "").removeprefix(_SLOT)
    return int(text) if metadata and metadata.startswith(_SLOT) and text.isdigit() else None


def _committed_in_background(error: KafkaError | None, places: Sequence[TopicPartition]) -> None:
    refused = error or next((place.error for place in places if place.error), None)
    if refused is not None:
        LOG.warning("commit_refused", error=refused.str(), partitions=[place.partition for place in places])
