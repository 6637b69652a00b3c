"""What `ingest doctor` asks of Kafka: whether it is there, lets us in, and has topics and group as they should be."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ingest.doctor import Check, Finding, State, failed, ok, skipped, warning

if TYPE_CHECKING:
    from ingest.cluster import Cluster, Reached, TopicFacts

_DAY: Final = 86_400_000  # milliseconds
#: A consumer that stands still for longer than the retention loses records. This is a long weekend.
SHORT_RETENTION: Final = 3 * _DAY
#: What a batch of one record weighs more than the record's value: Kafka's limit is on batches.
_OVERHEAD: Final = 1024
_AHEAD: Final = 60_000  # milliseconds that a record may be younger than now


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings say: the topics, the group, what stands for topics' ids, the largest record in bytes."""

    bootstrap: str
    topics: tuple[str, ...]
    group: str
    generation: str | None
    max_record_bytes: int


class KafkaCheckup:
    """The questions, which share what they learn. `open_cluster` makes the client; `now` is in epoch milliseconds."""

    def __init__(
        self, wanted: Wanted, open_cluster: Callable[[], Cluster], now: Callable[[], int], timeout: float
    ) -> None:
        self._wanted, self._open, self._now, self._timeout = wanted, open_cluster, now, timeout
        self._cluster: Cluster | None = None
        self._reached: Reached | None = None
        self._topics: dict[str, TopicFacts] = {}

    def checks(self) -> Iterable[Check]:
        """All of them, in order."""
        yield Check("broker", self.broker)
        yield Check("sign-in", self.sign_in, ("broker",))
        yield Check("advertised brokers", self.advertised, ("sign-in",))
        for topic in self._wanted.topics:
            yield Check(f"topic {topic}", partial(self.topic, topic), ("sign-in",))
            needs = (f"topic {topic}",)
            yield Check(f"topic {topic}: id", partial(self.identity, topic), needs)
            yield Check(f"topic {topic}: rights", partial(self.topic_rights, topic), needs)
            yield Check(f"topic {topic}: retention", partial(self._of_config, topic, retention), needs)
            yield Check(f"topic {topic}: record size", partial(self._of_config, topic, self._size), needs)
            yield Check(f"topic {topic}: newest record", partial(self.newest, topic), needs)
        yield Check("group", self.group, ("sign-in",))

    def broker(self) -> Finding:
        """Whether anybody listens at the bootstrap addresses."""
        places = [address(one) for one in self._wanted.bootstrap.split(",")]
        deaf = [f"{place[0]}:{place[1]} ({why})" for place in places if (why := deafness(*place, self._timeout / 4))]
        if len(deaf) == len(places):
            remedy = "Is the broker running there? See KAFKA_BOOTSTRAP_SERVERS."
            return failed(f"nobody listens at {', '.join(deaf)}", remedy)
        if deaf:
            return warning(f"nobody listens at {', '.join(deaf)}; others answer", "See KAFKA_BOOTSTRAP_SERVERS.")
        return ok(f"{self._wanted.bootstrap} is listened at")

    def sign_in(self) -> Finding:
        """Whether the client gets through TLS and SASL, and finds Kafka there."""
        self._cluster = self._open()
        self._reached = reached = self._cluster.reach()
        count = len(reached.brokers)
        what = "the embedded broker" if reached.embedded else f"{count} broker{'s' * (count != 1)}"
        return ok(f"{what}, cluster {reached.cluster or 'without an id'}")

    def advertised(self) -> Finding:
        """Whether the brokers can be reached where they say they are."""
        places = self._there.brokers
        deaf = [f"{host}:{port} ({why})" for host, port in places if (why := deafness(host, port, self._timeout / 4))]
        if deaf:
            remedy = "Mend advertised.listeners of the brokers, or name resolution and routes from here."
            return failed(f"the cluster sends its clients to {', '.join(deaf)}", remedy)
        return ok(", ".join(f"{host}:{port}" for host, port in places))

    def topic(self, name: str) -> Finding:
        """Whether it is there, with a leader for each partition."""
        from ingest.broker import no_topic  # noqa: PLC0415 - the client library is loaded when it is asked for

        if name not in self._there.topics:
            if self._there.embedded:
                return ok("is made when it is first used")
            raise no_topic(name, sorted(self._there.topics))
        if self._there.embedded:
            return ok("is there")
        facts = self._topics[name] = self._asked.topic(name)
        if facts.leaderless:
            said = f"no leader for partitions {', '.join(map(str, facts.leaderless))}"
            return failed(said, "Bring the brokers back that hold them; `ingest consume` waits for them.")
        said = f"{len(facts.partitions)} partition{'s' * (len(facts.partitions) != 1)}"
        if facts.lagging:
            return warning(
                f"{said}; replicas lag for {', '.join(map(str, facts.lagging))}", "Look at the cluster's brokers."
            )
        return ok(f"{said}, each with its leader and replicas")

    def identity(self, name: str) -> Finding:
        """Whether it can be told from the same name made again."""
        if self._there.embedded:
            return ok("the embedded broker's own id stands for it")
        if self._topics[name].has_id:
            return ok("the broker gives one")
        if self._wanted.generation:
            return ok(f"none; KAFKA_TOPIC_GENERATION {self._wanted.generation} stands for it")
        return warning(
            "the broker gives none: a topic that is made again can't be told from the old one",
            "Set KAFKA_TOPIC_GENERATION, and a new value whenever the topic is made again.",
        )

    def topic_rights(self, name: str) -> Finding:
        """Whether this user may read it."""
        if self._there.embedded:
            return _no_admin()
        return rights(self._topics[name].may, f"topic {name}")

    def newest(self, name: str) -> Finding:
        """Whether clocks are right, as far as the youngest record tells: Kafka itself does not tell the time."""
        if self._there.embedded:
            return _no_admin()
        newest = self._asked.newest(name, self._topics[name].partitions)
        if newest is None:
            return ok("no record yet")
        ahead = newest - self._now()
        if ahead > _AHEAD:
            return warning(
                f"its timestamp is {ahead / 1000:,.0f} s ahead of this clock",
                "Look at the clocks of producers, brokers and this machine (NTP).",
            )
        return ok(f"{max(0, -ahead) / 1000:,.0f} s old")

    def group(self) -> Finding:
        """Whether this user may join it and commit."""
        if self._there.embedded:
            return _no_admin()
        facts = self._asked.group(self._wanted.group)
        found = rights(facts.may, f"group {self._wanted.group}")
        if found.state is not State.OK:
            return found
        partitions = sum(len(topic.partitions) for topic in self._topics.values())
        said = (
            "not there yet; made on first use" if facts.state == "DEAD" else f"{facts.state}, {facts.members} members"
        )
        if facts.members > partitions > 0:
            return warning(
                f"{said} for {partitions} partitions", "Members beyond the partitions stand by: run fewer."
            )
        return ok(f"{said}; {found.said}")

    def _of_config(self, name: str, judge: Callable[[Mapping[str, str]], Finding]) -> Finding:
        if self._there.embedded:
            return _no_admin()
        may = self._topics[name].may
        if may is not None and "DESCRIBE_CONFIGS" not in may:
            return skipped("this user may not see the topic's settings (ACL DESCRIBE_CONFIGS)")
        return judge(self._asked.config(name))

    def _size(self, config: Mapping[str, str]) -> Finding:
        return record_size(config, self._wanted.max_record_bytes)

    @property
    def _there(self) -> Reached:
        assert self._reached is not None, "sign_in comes first"  # noqa: S101 - checks say what they need
        return self._reached

    @property
    def _asked(self) -> Cluster:
        assert self._cluster is not None, "sign_in comes first"  # noqa: S101
        return self._cluster


def retention(config: Mapping[str, str]) -> Finding:
    """How long, and by what rule, the topic keeps its records."""
    policy, kept = config.get("cleanup.policy", "delete"), int(config.get("retention.ms", -1))
    nbytes = int(config.get("retention.bytes", -1))
    if "compact" in policy:
        return warning(
            f"cleanup.policy={policy}: of several records with one key the older ones vanish, read or not",
            "Set cleanup.policy=delete on a topic of events.",
        )
    if 0 <= kept < SHORT_RETENTION:
        return warning(
            f"records are kept for {kept / _DAY * 24:,.1f} h: a consumer that stands still for longer loses some",
            f"Set retention.ms to {SHORT_RETENTION} (3 days) or more.",
        )
    if nbytes >= 0:
        return warning(
            f"retention.bytes={nbytes}: a partition's oldest records vanish by size, however young",
            "Be sure that it holds what arrives during the longest outage, or set it to -1.",
        )
    return ok("records are kept for ever" if kept < 0 else f"records are kept for {kept / _DAY:,.1f} days")


def record_size(config: Mapping[str, str], most: int) -> Finding:
    """Whether the topic takes records that we would quarantine. `most` is MAX_RECORD_BYTES."""
    taken = int(config.get("max.message.bytes", 0))
    if taken > most + _OVERHEAD:
        return warning(
            f"the topic takes up to {taken:,} bytes; records over {most:,} are quarantined as too_large",
            f"Set MAX_RECORD_BYTES={taken} if such records are events.",
        )
    return ok(f"the topic takes up to {taken:,} bytes; MAX_RECORD_BYTES is {most:,}")


def rights(may: frozenset[str] | None, what: str) -> Finding:
    """Whether this user is allowed to read the topic, or to join the group and commit: Kafka calls both READ."""
    if may is None:
        return skipped("the broker does not say what this user may do")
    if "READ" not in may:
        return failed(f"this user may not use {what}", f"Grant this user the right by an ACL: READ on {what}.")
    return ok("this user may use it")


def address(text: str) -> tuple[str, int]:
    """Host and port of one bootstrap address, which `ingest.settings` has checked."""
    place = text.strip().rpartition("://")[2].rstrip("/")
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        return place.strip("[]"), 9092
    return host.strip("[]"), int(port)


def deafness(host: str, port: int, timeout: float) -> str:
    """Why nobody can be reached there; "" if somebody can. `timeout` in seconds."""
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError as error:
        return error.strerror or str(error) or "no answer"
    return ""


def _no_admin() -> Finding:
    return skipped("the embedded broker has no admin API")
