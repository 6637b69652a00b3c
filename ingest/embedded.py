"""The embedded broker: librdkafka's mock cluster in a process of ours, so that nothing need be installed.

Ordinary clients, in this process or another, produce to it and consume from it: keys, timestamps, headers,
consumer groups with either protocol, commits with metadata, partition EOF, watermarks. tests/brokers holds it
to the same contract as Apache Kafka. It is for a first look, demos and tests, and is no place to keep data:

* All is in memory and gone when the process ends; the port is the system's choice, on 127.0.0.1.
* A partition keeps about 5 MiB, as compressed by the producer. Older records then vanish *silently* and the
  low watermark rises: produce with zstd, consume while producing, count what arrives.
* A topic appears when it is first named, with 4 partitions. There is no controller: creating, deleting and
  describing topics time out, and topics have no ids: the id of the broker, another at every start, stands for
  them (`ingest.kafka.topic_id`), so that a store outlives a broker without mixing their records.
* A group's first join takes 3 s; when a member leaves, the others wait `session.timeout.ms` for its partitions.
* Looking up offsets by time answers -1, and records of aborted transactions are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ingest.kafka import start_mock_cluster

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event


class EmbeddedBroker:
    """A broker that lives as long as the `with` block, in this process, beside whatever else it does."""

    def __init__(self) -> None:
        self.bootstrap_servers = ""
        self._cluster: Any = None

    def __enter__(self) -> Self:
        self._cluster, self.bootstrap_servers = start_mock_cluster()
        return self

    def poll(self) -> None:
        """Hand on what librdkafka has logged since; never waits."""
        self._cluster.poll(0)

    def __exit__(self, *_: object) -> None:
        self._cluster = None


def serve(on_ready: Callable[[str], None], stop: Event) -> None:
    """Be a broker until `stop` is set. `on_ready` is told the bootstrap address once it answers."""
    with EmbeddedBroker() as broker:
        on_ready(broker.bootstrap_servers)
        while not stop.wait(1):
            broker.poll()
