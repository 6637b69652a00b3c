"""What a Kafka cluster says of itself: its brokers, topics, their settings, a group, and what this user may do there.

Asked by `ingest doctor`, nowhere while records are read. With `ingest.kafka`, `ingest.source` and `ingest.broker`, an
importer of confluent_kafka. The embedded broker answers `reach` alone: it has no admin API.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition, libversion

# Its own __init__ does not declare what it exports.
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType  # type: ignore[attr-defined]

from ingest.kafka import EMBEDDED, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UNKNOWN_ID: Final = "A" * 22
_COORDINATOR: Final = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)


@dataclass(frozen=True, slots=True)
class Reached:
    """A cluster that answers. `brokers` are the addresses that it tells its clients to use."""

    cluster: str
    brokers: tuple[tuple[str, int], ...]
    topics: frozenset[str]

    @property
    def embedded(self) -> bool:
        """Whether it is `ingest broker`."""
        return self.cluster.startswith(EMBEDDED)


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic. `may` are the operations that this user is allowed; None where the broker does not say."""

    name: str
    partitions: tuple[int, ...]
    leaderless: tuple[int, ...]
    lagging: tuple[int, ...]
    has_id: bool
    may: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A consumer group: `state` is Kafka's word, like STABLE or EMPTY; DEAD is one that is not there yet."""

    state: str
    members: int
    may: frozenset[str] | None


class Cluster:
    """Asks. `settings` are a client's, `timeout` the seconds for a question. Every failure is a `BrokerError`."""

    def __init__(self, settings: Mapping[str, Any], timeout: float) -> None:
        self._timeout = timeout
        self._watch = Watch()
        callbacks: dict[str, Any] = {"error_cb": self._watch.note}
        with self._watch.during("starting the Kafka client"):
            self._admin = AdminClient({**settings, **callbacks})

    def reach(self) -> Reached:
        """Sign in, and ask who is there."""
        with self._watch.during("signing in", self._admin.poll):
            found = self._admin.list_topics(timeout=self._timeout)
        brokers = tuple(sorted((str(one.host), int(one.port)) for one in found.brokers.values()))
        names = frozenset(name for name in found.topics if not name.startswith("__"))
        return Reached(str(getattr(found, "cluster_id", None) or ""), brokers, names)

    def topic(self, name: str) -> TopicFacts:
        """The topic's partitions and rights."""
        with self._watch.during(f"describing topic {name}", self._admin.poll):
            asked = self._admin.describe_topics(
                TopicCollection([name]), include_authorized_operations=True, request_timeout=self._timeout
            )
            found = asked[name].result()
        leaderless = [one.id for one in found.partitions if getattr(one.leader, "id", -1) < 0]
        lagging = [one.id for one in found.partitions if len(one.isr) < len(one.replicas)]
        ids = [one.id for one in found.partitions]
        return TopicFacts(
            name,
            tuple(sorted(ids)),
            tuple(sorted(leaderless)),
            tuple(sorted(lagging)),
            str(found.topic_id).rstrip("=") not in ("", _UNKNOWN_ID),
            _names(found.authorized_operations),
        )

    def config(self, topic: str) -> dict[str, str]:
        """The topic's settings, the broker's defaults included."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        with self._watch.during(f"reading the settings of topic {topic}", self._admin.poll):
            asked = self._admin.describe_configs([resource], request_timeout=self._timeout)
            found = asked[resource].result()
        return {name: str(entry.value) for name, entry in found.items() if entry.value is not None}

    def newest(self, topic: str, partitions: Iterable[int]) -> int | None:
        """The latest timestamp of the topic's records, in epoch milliseconds; None if it has none."""
        newest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(topic, number): newest for number in partitions}
        with self._watch.during(f"asking for the newest record of topic {topic}", self._admin.poll):
            asked = self._admin.list_offsets(wanted, request_timeout=self._timeout)
            times = [int(one.result().timestamp) for one in asked.values()]
        return max((time for time in times if time >= 0), default=None)

    def group(self, name: str) -> GroupFacts:
        """The group's state and rights; one that is not there yet has no members."""
        with self._watch.during(f"describing group {name}", self._admin.poll):
            found = self._group(name)
        if found is None:
            return GroupFacts("DEAD", 0, None)
        return GroupFacts(found.state.name, len(found.members), _names(found.authorized_operations))

    def _group(self, name: str) -> Any:
        """The description; None: no such group. Asks again while a fresh cluster makes its coordinator."""
        for last in (False, False, False, True):
            asked = self._admin.describe_consumer_groups(
                [name], include_authorized_operations=True, request_timeout=self._timeout
            )
            try:
                return asked[name].result()
            except KafkaException as error:
                if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                    return None
                if last or error.args[0].code() not in _COORDINATOR:
                    raise
                time.sleep(0.5)
        raise AssertionError("the last try answers or raises")


def client_version() -> str:
    """The version of librdkafka."""
    return str(libversion()[0])


def _names(operations: Iterable[Any] | None) -> frozenset[str] | None:
    return None if operations is None else frozenset(operation.name for operation in operations)
