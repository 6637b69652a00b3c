"""The topic of a trial: made, widened, cut short by retention, deleted and made again, as an operator does."""

from __future__ import annotations

import base64
from typing import Any

from confluent_kafka import TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from confluent_kafka.cimpl import NewTopic

from tests.faults.account import Incarnation
from tests.faults.flood import Flood, read_back
from tests.faults.waiting import eventually


class Topic:
    """One topic and all its incarnations; `flood` sends to the present one."""

    def __init__(self, bootstrap: str, name: str, partitions: int) -> None:
        self.name = name
        self.incarnations: dict[str, Incarnation] = {}  #: by topic id; `close` adds the present one
        self.read_back = 0  #: records that a plain client found where they belong
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "error_cb": lambda _: None, "log_level": 0})
        self.make(partitions)

    def make(self, partitions: int) -> None:
        """Create it, anew perhaps. Its records are told from those of the incarnation before."""
        _done(self._admin.create_topics([NewTopic(self.name, partitions, 1)]))
        self._settle(partitions)
        self.id = self._id()
        self.deleted: dict[int, int] = {}  #: by partition, the offset that retention deleted up to
        self.flood = Flood(self._bootstrap, self.name, f"life-{len(self.incarnations)}", partitions)

    def widen(self, partitions: int) -> None:
        """Add partitions, up to so many."""
        _done(self._admin.create_partitions([NewPartitions(self.name, partitions)]))
        self._settle(partitions)
        self.flood.widen(partitions)

    def cut(self, partition: int, before: int) -> int:
        """Delete records as retention does. Answers the offset that the partition begins with now."""
        self.flood.flush()
        done = _done(self._admin.delete_records([TopicPartition(self.name, partition, before)]))
        self.deleted[partition] = int(done.low_watermark)
        return self.deleted[partition]

    def close(self, *, whole: bool = True) -> None:
        """Hold the broker to what was sent to it. Not `whole`: what was not stored by now may never be."""
        self.flood.flush()
        self.read_back += read_back(self._bootstrap, self.flood, self.deleted)
        self.incarnations[self.id] = Incarnation(self.flood.label, dict(self.flood.sent), self.deleted, whole)

    def delete(self) -> None:
        """Delete it, if it is there."""
        if self._known():
            _done(self._admin.delete_topics([self.name]))
            eventually(lambda: not self._known(), "the topic is gone")

    def _known(self) -> bool:
        return self.name in self._admin.list_topics(timeout=30).topics

    def _settle(self, partitions: int) -> None:
        def led() -> bool:
            found = self._admin.list_topics(self.name, timeout=30).topics[self.name].partitions
            return len(found) == partitions and all(one.leader >= 0 for one in found.values())

        eventually(led, "each partition has a leader")

    def _id(self) -> str:
        """As Kafka prints it."""
        found = _done(self._admin.describe_topics(TopicCollection([self.name]))).topic_id
        halves = found.get_most_significant_bits(), found.get_least_significant_bits()
        return base64.urlsafe_b64encode(b"".join((half % (1 << 64)).to_bytes(8) for half in halves)).decode()[:22]


def _done(futures: dict[Any, Any]) -> Any:
    """The result of a request to the admin about one thing."""
    [future] = futures.values()
    return future.result(timeout=60)
