"""Kafka but for consuming: client settings, errors in our words, the topic's id, and a bulk producer.

With `ingest.source`, which consumes, the only importer of confluent_kafka. Whatever that library raises
leaves these two modules as a `BrokerError` (or a `SettingsError`, where a property is wrong), chained to
the original.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka import Producer as Client
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ingest.errors import BrokerError, BrokerUnavailable, IngestError, SettingsError
from ingest.remedies import remedy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from confluent_kafka.admin._metadata import ClusterMetadata

#: librdkafka's own log lines. Nothing is printed until somebody gives this logger, or the root, a handler.
LOG: Final = logging.getLogger("ingest.librdkafka")
LOG.addHandler(logging.NullHandler())

EMBEDDED: Final = "mockCluster"  #: how the id of an embedded broker begins

_UNREACHABLE: Final = "Is the broker running there? See KAFKA_BOOTSTRAP_SERVERS."
_REFUSED: Final = "See KAFKA_SECURITY_PROTOCOL and the KAFKA_SASL_* and KAFKA_SSL_* settings."
_NO_TOPIC: Final = "Create the topic, or mend KAFKA_TOPIC_EVENTS_RAW."
_NOT_ALLOWED: Final = "Grant this user the right by an ACL on the cluster."
_TOO_LARGE: Final = "Raise max.message.bytes of the topic, or send smaller records."

#: What the user does about an error of librdkafka (names starting with _) or of the broker.
REMEDIES: Final[Mapping[int, str]] = {
    KafkaError._TRANSPORT: _UNREACHABLE,
    KafkaError._ALL_BROKERS_DOWN: _UNREACHABLE,
    KafkaError._TIMED_OUT: _UNREACHABLE,
    KafkaError._MSG_TIMED_OUT: _UNREACHABLE,
    KafkaError._RESOLVE: _UNREACHABLE,
    KafkaError._AUTHENTICATION: _REFUSED,
    KafkaError._SSL: _REFUSED,
    KafkaError.SASL_AUTHENTICATION_FAILED: _REFUSED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: _REFUSED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _NOT_ALLOWED,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _NOT_ALLOWED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _NOT_ALLOWED,
    KafkaError._UNKNOWN_TOPIC: _NO_TOPIC,
    KafkaError.UNKNOWN_TOPIC_OR_PART: _NO_TOPIC,
    KafkaError.MSG_SIZE_TOO_LARGE: _TOO_LARGE,
}
#: These say that waiting was in vain, but not why: the error callback has heard more.
_VAGUE: Final = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._MSG_TIMED_OUT,
}
_URL_SAFE: Final = str.maketrans("+/", "-_", "=")
_NO_ID: Final = {"", "A" * 22}


def client_settings(bootstrap_servers: str, extra: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Compose what every client of ours shares, in librdkafka's names; `extra` properties win.

    Security is nothing but properties: `{"security.protocol": "SASL_SSL", "sasl.username": …}`.
    """
    own = {"bootstrap.servers": bootstrap_servers, "client.id": "ingest", "logger": LOG}
    return own | dict(extra or {})


#: What librdkafka's clients mend by themselves (they reconnect, or join the group anew), and what brokers answer
#: while leaders and coordinators move.
PASSING_CODES: Final = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._WAIT_COORD,
        KafkaError._WAIT_CACHE,
        KafkaError._RESOLVE,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
    }
)


def passes(error: KafkaError) -> bool:
    """Whether asking again may help."""
    return not error.fatal() and (error.retriable() or error.code() in PASSING_CODES)


def broker_error(doing: str, error: KafkaError, cause: KafkaError | None = None) -> IngestError:
    """Say in our words what failed while `doing`: the one translation of Kafka's errors.

    A `BrokerUnavailable` is one that passes. `cause` is what an error callback heard meanwhile; it is told
    instead where `error` is a mere time-out.
    """
    if cause is not None and error.code() in _VAGUE:
        error = cause
    if error.code() == KafkaError._INVALID_ARG:
        return SettingsError(
            f"{doing}: the Kafka client refuses its settings: {error.str()}",
            remedy_of(error.str()) or "See the KAFKA_* settings and --kafka-config.",
        )
    kind = BrokerUnavailable if passes(error) else BrokerError
    return kind(f"{doing}: {error.str()}", remedy_of(error.str()) or REMEDIES.get(error.code(), ""))


class Watch:
    """Translates one client's failures, knowing the cause that librdkafka tells its error callback alone.

    Hand `note` to the client as `error_cb`, and do its calls inside `during`.
    """

    def __init__(self) -> None:
        self.cause: KafkaError | None = None

    def note(self, error: KafkaError) -> None:
        """Remember this error, unless a more telling one is known."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN or self.cause is None:
            self.cause = error

    @contextlib.contextmanager
    def during(self, doing: str, poll: Callable[[float], object] | None = None) -> Iterator[None]:
        """Raise what Kafka raises inside as ours. `poll` serves the callbacks that wait to be heard."""
        try:
            yield
        except KafkaException as error:
            if poll is not None:
                poll(0)
            raise broker_error(doing, error.args[0], self.cause) from error


class TopicIds:
    """Asks the broker for topics' ids, in the url-safe base64 form that Kafka prints: 22 characters.

    The embedded broker has none; its own id, which no other start of it has, stands for it. Every doubt is a
    `BrokerError`, for a wrong answer would start another chain. May be asked from several threads.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._watch = Watch()
        with self._watch.during("starting the Kafka client"):
            self._admin = _admin(settings, self._watch)
        self._embedded: str | None = None

    def __call__(self, topic: str, timeout: float) -> str | None:
        """The id now; None only where a broker positively gives none (older ones). `timeout` in seconds."""
        with self._watch.during(f"asking for the id of topic {topic}", self._admin.poll):
            if self._embedded is None:
                known = self._admin.list_topics(timeout=timeout)
                self._embedded = str(known.cluster_id) if _is_embedded(known) else ""
            if self._embedded:
                return self._embedded
            asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=timeout)
            return _id_text(asked[topic].result().topic_id)


def ensure_topic(settings: Mapping[str, Any], topic: str, partitions: int, timeout: float) -> int:
    """Create the topic unless it is there, and wait until it can be written; answer its partitions.

    Replication is the broker's default. A topic that exists is left as it is. The embedded broker makes a
    topic when it is named, always with 4 partitions. `timeout` is in seconds, for the whole.
    """
    watch, deadline = Watch(), time.monotonic() + timeout
    with watch.during(f"creating topic {topic}"):
        admin = _admin(settings, watch)
    with watch.during(f"creating topic {topic}", admin.poll):
        known = admin.list_topics(timeout=timeout)
        if topic not in known.topics and not _is_embedded(known):
            _create(admin, topic, partitions, timeout)
        while not (ready := _writable(admin.list_topics(topic, timeout=timeout), topic)):
            if time.monotonic() > deadline:
                raise BrokerError(f"topic {topic} has no leader after {timeout:g} s", _UNREACHABLE)
            time.sleep(0.05)
    return ready


def start_mock_cluster() -> tuple[Client, str]:
    """Start librdkafka's mock cluster, one broker of it, in this process; answer it and its address.

    It listens on a port of 127.0.0.1 that the system chooses, and lives as long as the client answered.
    """
    client = Client({"test.mock.num.brokers": 1, "logger": LOG})
    with Watch().during("starting the embedded broker", client.poll):
        brokers = client.list_topics(timeout=10).brokers.values()
    return client, ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


def _admin(settings: Mapping[str, Any], watch: Watch) -> AdminClient:
    callbacks: dict[str, Any] = {"error_cb": watch.note}
    return AdminClient({**settings, **callbacks})


def _is_embedded(metadata: ClusterMetadata) -> bool:
    return str(metadata.cluster_id).startswith(EMBEDDED)


def _id_text(topic_id: Uuid) -> str | None:
    """Kafka's own text; confluent_kafka's `str()` uses the other alphabet, whose `/` would split a key."""
    text = str(topic_id).translate(_URL_SAFE)
    return None if text in _NO_ID else text


def _create(admin: AdminClient, topic: str, partitions: int, timeout: float) -> None:
    new = NewTopic(topic, num_partitions=partitions, replication_factor=-1)
    try:
        admin.create_topics([new], request_timeout=timeout)[topic].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def _writable(metadata: ClusterMetadata, topic: str) -> int:
    found = metadata.topics[topic]
    ready = found.error is None and all(part.leader >= 0 for part in found.partitions.values())
    return len(found.partitions) if ready else 0


#: For throughput; a caller's own properties win. `delivery.report.only.error` halves the work per record.
BULK: Final[Mapping[str, Any]] = {
    "enable.idempotence": True,
    "compression.type": "zstd",
    "linger.ms": 50,
    "message.max.bytes": 20_971_520,
    "queue.buffering.max.messages": 500_000,
    "queue.buffering.max.kbytes": 262_144,
    "message.timeout.ms": 120_000,
    "partitioner": "murmur2_random",  # as Java's clients do it: one learner, one partition, whoever writes
}


class Producer:
    """Sends records to one topic in bulk; not one is lost without a `BrokerError` that counts them.

    `send` queues, librdkafka's threads deliver, `flush` waits. Idempotent: a retry neither doubles nor
    reorders. As a context manager it flushes when the block ends well, and gives up what is queued when not.
    """

    def __init__(self, settings: Mapping[str, Any], topic: str) -> None:
        self.topic = topic
        self.sent = 0
        self._failed = 0
        self._error: KafkaError | None = None
        self._watch = Watch()
        callbacks = {"error_cb": self._watch.note, "on_delivery": self._undelivered}
        with self._watch.during(f"producing to topic {topic}"):
            self._client = Client({**BULK, **settings, **callbacks, "delivery.report.only.error": True})

    @property
    def acked(self) -> int:
        """How many records the broker has acknowledged: those neither failed nor still under way."""
        self._client.poll(0)  # its length counts the errors too that it has still to tell
        return max(0, self.sent - self._failed - len(self._client))

    def send(self, key: bytes | None, value: bytes | None, timestamp: int = 0) -> None:
        """Queue one record; waits while the queue is full. `timestamp` in epoch milliseconds, 0 is now.

        Raises `BrokerError` for this record (too large) or for any before it that could not be delivered.
        """
        while True:
            try:
                self._client.produce(self.topic, value, key, timestamp=timestamp)
                break
            except BufferError:
                self.poll(0.1)
            except KafkaException as error:
                raise broker_error(self._doing(), error.args[0]) from error
        self.sent += 1
        if self.sent % 1000 == 0:
            self.poll()

    def poll(self, timeout: float = 0) -> None:
        """Hear what became of the records sent; raises `BrokerError` if any failed. `timeout` in seconds."""
        self._client.poll(timeout)
        self._raise_failed()

    def flush(self, timeout: float = 150) -> int:
        """Wait until every record is acknowledged; answer how many were. `timeout` is in seconds."""
        left = self._client.flush(timeout)
        self._raise_failed()
        if left:
            raise self._gave_up(f"{left} are not acknowledged after {timeout:g} s")
        return self.acked

    def _undelivered(self, error: KafkaError | None, _record: object) -> None:
        if error is not None:
            self._failed += 1
            self._error = self._error or error

    def _raise_failed(self) -> None:
        if self._error is not None:
            error = broker_error(f"{self._doing()}, {self._failed} failed", self._error, self._watch.cause)
            raise error

    def _gave_up(self, why: str) -> BrokerError:
        cause = f": {self._watch.cause.str()}" if self._watch.cause else ""
        return BrokerError(f"{self._doing()}, {why}{cause}", _UNREACHABLE)

    def _doing(self) -> str:
        return f"producing to topic {self.topic}: of {self.sent} records {self.acked} acknowledged"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.flush()
        else:
            self._client.purge()
            self._client.flush(1)
