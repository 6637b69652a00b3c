"""A trial: one topic and its objects, the members that store it, and the account at the end."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.account import Account, account
from tests.faults.members import Member
from tests.faults.shelf import Bucket, Folder, Shelf, tips
from tests.faults.topic import Topic
from tests.faults.waiting import eventually
from tests.services.kafka import Broker
from tests.services.proxy import fault_proxy
from tests.services.s3 import CREDENTIALS, S3Server

SESSION_SECONDS = 6.0  #: how long the group waits for a silent member: the least that brokers allow
_KAFKA = {
    "session.timeout.ms": f"{SESSION_SECONDS * 1000:.0f}",
    "heartbeat.interval.ms": "1000",
    "topic.metadata.refresh.interval.ms": "1000",
}


@dataclass(frozen=True)
class Site:
    """What trials share, also at the same time."""

    broker: Broker
    s3: S3Server
    folder: Path


class Trial:
    """Everything of one trial. `chance` comes from its seed; `faults` counts what was injected, by kind.

    `forgiven` are exit codes after which a member is started again without a word, as a supervisor does.
    """

    def __init__(self, site: Site, name: str, seed: int, partitions: int = 4) -> None:
        self.site, self.name = site, name
        self.chance = random.Random(f"{seed} {name}")  # noqa: S311 - chance, not secrets
        self.faults: Counter[str] = Counter()
        self.forgiven: set[int] = set()
        self.members: dict[str, Member] = {}
        self.belongings = ExitStack()  #: what ends with the trial
        self.proxy = self.belongings.enter_context(fault_proxy(site.s3.url))
        self.kafka = dict(_KAFKA)  #: the members' client settings
        label = f"{name.replace(' ', '-')}-{time.monotonic_ns() % 10**9}"
        self.folder = site.folder / label
        self.folder.mkdir()
        site.s3.create_bucket(label)
        self.shelf: Shelf = Bucket(site.s3.url, label)
        self.topic = Topic(site.broker.bootstrap, label, partitions)

    @property
    def flood(self):
        """What sends to the topic as it is now."""
        return self.topic.flood

    def member(
        self, name: str, *, batch: int = 1000, static: bool = True, driver: Sequence[str] = (), **settings: str
    ) -> Member:
        """A member that is not yet running.

        `static`: it has a name in the group, and comes back to its partitions at once. `driver`: words for
        `tests.faults.driver`, which then does the work. `settings` by their names in the environment.
        """
        environment = os.environ | CREDENTIALS | self._settings() | settings
        properties = self.kafka | ({"group.instance.id": name} if static else {})
        command = ["tests.faults.driver", *driver, "--"] if driver else ["ingest"]
        command += ["consume", "--batch-size", str(batch)]
        command += [word for pair in properties.items() for word in ("--kafka-config", "=".join(pair))]
        self.members[name] = Member(name, command, environment, self.folder / f"{name}.log")
        return self.members[name]

    def _settings(self) -> Mapping[str, str]:
        where = {"S3_BUCKET_RAW_EVENTS": self.topic.name, "S3_ENDPOINT_URL": self.proxy.url}
        if isinstance(self.shelf, Folder):
            where = {"INGEST_STORE": str(self.shelf.root)}
        return where | {
            "KAFKA_BOOTSTRAP_SERVERS": self.site.broker.bootstrap,
            "KAFKA_TOPIC_EVENTS_RAW": self.topic.name,
            "KAFKA_CONSUMER_GROUP": self.topic.name,
            "FLUSH_INTERVAL_SECONDS": "1",
            "LOG_FORMAT": "json",
            "HTTP_PORT": "0",
        }

    def tend(self) -> None:
        """Start members again that ended by themselves, if that is forgiven."""
        for member in self.members.values():
            code = member.ended() if member.wanted else None
            if code is not None:
                assert code in self.forgiven, f"{member.name} ended with {code}:\n{member.tail()}"
                member.start()

    def wait(self, seconds: float) -> None:
        """Let it run, and tend the members meanwhile."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.tend()
            time.sleep(min(0.1, left))

    def await_opened(self) -> None:
        """Wait until each member that runs has got something to read."""
        running = [member for member in self.members.values() if member.running]
        eventually(lambda: all(one.logged("partition_opened") for one in running), "every member has partitions")

    def tips(self) -> dict[int, int]:
        """How far each partition is stored."""
        return tips(self.shelf, self.topic.id)

    def stored(self) -> int:
        """How many offsets are stored."""
        return sum(self.tips().values())

    def feed(self, records: int, moments: int) -> Iterator[int]:
        """Send so many records in all, and stop at so many moments with a share of them still to be stored."""
        share, target = -(-records // moments), 0
        for moment in range(moments):
            self.flood.send(share)
            self.flood.flush()
            yield moment
            target += share
            eventually(lambda done=target - share: self.tended_and_stored() >= done, self._behind, 300)

    def drip(self, records: int, rounds: int) -> None:
        """Send a little, so that whoever is waited for has something to do; when all is sent, very little."""
        left = records - sum(self.flood.sent.values())
        self.flood.send(max(50, min(left, records // rounds // 8)))

    def tended_and_stored(self) -> int:
        """How many offsets are stored, with the members tended."""
        self.tend()
        return self.stored()

    def catch_up(self, patience: float = 300) -> None:
        """Wait until the members that run have stored all that the topic has; they must get there by themselves.

        `patience` is how many seconds may pass without any progress.
        """
        self.flood.flush()
        before, since = -1, time.monotonic()
        while (tips := self.tips()) != {part: end for part, end in self.flood.sent.items() if end}:
            self.wait(0.3)
            if sum(tips.values()) > before:
                before, since = sum(tips.values()), time.monotonic()
            assert time.monotonic() - since < patience, f"no progress for {patience} s; {self._behind()}"

    def _behind(self) -> str:
        return f"{self.name}: stored {self.tips()} of {self.flood.sent}"

    def exits(self, code: int) -> int:
        """How often a member ended with this code."""
        return sum(member.exits[code] for member in self.members.values())

    def settle(self) -> Account:
        """Stop the members as users do, and count every offset."""
        for member in self.members.values():
            if member.running:
                member.await_start()
                code = member.stop()
                assert code == 0, f"{member.name} ended with {code}:\n{member.tail()}"
        self.topic.close()
        self.faults.update({f"store: {name}": count for name, count in self.proxy.counts.items()})
        return account(self.shelf.objects(), self.topic.name, self.topic.incarnations)

    def close(self) -> None:
        """Leave nothing running and nothing behind but logs."""
        for member in self.members.values():
            member.thaw()
            member.kill()
        self.site.broker.revive()
        self.topic.delete()
        self.shelf.clear()
        self.belongings.close()


@contextmanager
def trial(site: Site, name: str, seed: int, partitions: int = 4) -> Iterator[Trial]:
    """A trial, closed at the end."""
    made = Trial(site, name, seed, partitions)
    try:
        yield made
    finally:
        made.close()
