"""Reading Kafka: the `Source` of the protocol, over librdkafka's consumer group.

With `ingest.kafka`, the only importer of confluent_kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import structlog
from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from ingest.broker import hint_text
from ingest.chain import Hint, Listener, Polled
from ingest.errors import BrokerError, SettingsError
from ingest.kafka import Watch, broker_error, passes
from ingest.records import Partition, Records

LOG: Final = structlog.get_logger("ingest.source")

#: Records taken at a time: enough to leave Python's cost per call behind, few enough to stay in the cache.
_TAKE: Final = 1000

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
    # What is read ahead is memory: records wait here uncompressed, ten times what a fetch of every partition brings.
    # A broker far away wants more in one fetch: --kafka-config fetch.message.max.bytes=1048576.
    "queued.max.messages.kbytes": 16384,
    "fetch.message.max.bytes": 262144,
}
_RELIED_ON: Final = {"auto.offset.reset", "enable.auto.commit", "enable.partition.eof", "isolation.level"}


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
    """One member of a consumer group that reads topics. Not for use by several threads."""

    def __init__(self, settings: Mapping[str, Any], topics: Sequence[str], listener: Listener) -> None:
        self._listener = listener
        self._watch = Watch()
        with self._watch.during("starting the consumer"):
            self._consumer = Consumer(
                {**settings, "error_cb": self._watch.note, "on_commit": _committed_in_background}
            )
        # KIP-848's protocol is always incremental; of the classic one's assignors, the cooperative one is.
        strategy = settings.get("partition.assignment.strategy", "cooperative-sticky")
        self._cooperative = settings.get("group.protocol") == "consumer" or "cooperative" in strategy
        self._begun: dict[Partition, int] = {}  # and from which offset
        try:
            self._consumer.subscribe(
                list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
        except BaseException:
            self.close()  # a consumer that is dropped without being closed hangs when it is collected
            raise

    def poll(self, timeout: float) -> Polled:
        """See `Source.poll`; the bound is 1000 records."""
        polled = Polled({}, {}, set())
        with self._watch.during("reading"):
            messages = self._consumer.consume(_TAKE, timeout)
        records = [message for message in messages if message.error() is None]
        if len(records) < len(messages):
            for message in messages:
                error = message.error()
                if error is not None:
                    _note(error, message, polled)
        _gather(records, polled.records)
        return polled

    def begin(self, partition: Partition, offset: int) -> None:
        """See `Source.begin`. A partition whose offset is gone can't be sought: it is taken up anew."""
        with self._watch.during(f"going to offset {offset} of {partition}"):
            if not self._cooperative:
                self._consumer.assign([*self._others(partition), TopicPartition(*partition, offset)])
            else:
                if partition in self._begun:
                    self._consumer.incremental_unassign([TopicPartition(*partition)])
                self._consumer.incremental_assign([TopicPartition(*partition, offset)])
        self._begun[partition] = offset

    def commit(self, hints: Mapping[Partition, Hint]) -> None:
        """See `Source.commit`; a commit that is refused is logged."""
        places = [
            TopicPartition(*partition, hint.offset, metadata=hint_text(hint)) for partition, hint in hints.items()
        ]
        try:
            self._consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            _committed_in_background(error.args[0], places)

    def pause(self, partitions: Sequence[Partition]) -> None:
        """See `Source.pause`."""
        self._consumer.pause(_places(self._begun.keys() & set(partitions)))

    def resume(self, partitions: Sequence[Partition]) -> None:
        """See `Source.resume`."""
        self._consumer.resume(_places(self._begun.keys() & set(partitions)))

    def close(self) -> None:
        """See `Source.close`."""
        self._consumer.close()

    def _others(self, partition: Partition) -> list[TopicPartition]:
        """Where the other partitions go on: eager assignors know only the assignment as a whole."""
        others = _places(self._begun.keys() - {partition})
        for place in self._consumer.position(others):
            other = Partition(place.topic, place.partition)
            self._begun[other] = max(self._begun[other], place.offset)  # that of before, if nothing came since
        return [TopicPartition(*other, self._begun[other]) for other in self._begun if other != partition]

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Accept the assignment; what is read of it, and from where, `begin` says later."""
        (consumer.incremental_assign if self._cooperative else consumer.assign)([])
        self._listener.assigned([Partition(place.topic, place.partition) for place in places])

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        partitions = [Partition(place.topic, place.partition) for place in places]
        self._listener.revoked(partitions)
        self._give_up(consumer, partitions)

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        partitions = [Partition(place.topic, place.partition) for place in places]
        self._listener.lost(partitions)
        self._give_up(consumer, partitions)

    def _give_up(self, consumer: Consumer, partitions: Sequence[Partition]) -> None:
        gone = self._begun.keys() & set(partitions)
        for partition in gone:
            del self._begun[partition]
        if self._cooperative:
            consumer.incremental_unassign(_places(gone))
        else:
            consumer.unassign()


def _gather(messages: Sequence[Message], records: dict[Partition, Records]) -> None:
    """Take records over as columns. The client hands out those of one partition in runs: each in one go."""
    # `if message:` would lose tombstones and empty values: a message is as long as its value.
    numbers = [message.partition() for message in messages]
    topics = [message.topic() for message in messages]
    start = 0
    while start < len(messages):
        stop = _end_of_run(numbers, topics, start)
        partition, run = _partition(messages[start]), messages[start:stop]
        offsets: list[Any] = [message.offset() for message in run]
        if None in offsets:  # the client's types allow it, a record never has none
            raise BrokerError(f"a record of {partition} came without an offset")
        taken = Records.of(
            offsets,
            _timestamps(run),
            [message.value() for message in run],
        )
        known = records.get(partition)
        if known is None:
            records[partition] = taken
        else:
            known.extend(taken)
        start = stop


def _timestamps(run: Sequence[Message]) -> list[int | None]:
    """Of the broker or the producer, in milliseconds."""
    millis = [at for _, at in map(Message.timestamp, run)]
    if min(millis) > 0:
        return cast("list[int | None]", millis)
    return [None if kind == TIMESTAMP_NOT_AVAILABLE else at for kind, at in map(Message.timestamp, run)]


def _end_of_run(numbers: Sequence[int | None], topics: Sequence[str | None], start: int) -> int:
    """Where the run of one partition's messages ends that begins at `start`."""
    number, topic, stop = numbers[start], topics[start], start + 1
    if start == 0 and numbers.count(number) == len(numbers) and topics.count(topic) == len(topics):
        return len(numbers)
    while stop < len(numbers) and numbers[stop] == number and topics[stop] == topic:
        stop += 1
    return stop


def _note(error: KafkaError, message: Message, polled: Polled) -> None:
    partition = _partition(message)
    if error.code() == KafkaError._PARTITION_EOF:
        polled.ended[partition] = message.offset() or 0
    elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        polled.cut.add(partition)
    elif not passes(error):
        raise broker_error(f"reading {partition}", error)
    else:
        LOG.warning("source_error", topic=partition.topic, partition=partition.number, error=error.str())


def _partition(message: Message) -> Partition:
    number = message.partition()
    return Partition(message.topic() or "", -1 if number is None else number)


def _places(partitions: Iterable[Partition]) -> list[TopicPartition]:
    return [TopicPartition(*partition) for partition in partitions]


def _committed_in_background(error: KafkaError | None, places: Sequence[TopicPartition]) -> None:
    refused = error or next((place.error for place in places if place.error), None)
    if refused is not None:
        LOG.warning(
            "commit_refused", error=refused.str(), partitions=[f"{one.topic}[{one.partition}]" for one in places]
        )
