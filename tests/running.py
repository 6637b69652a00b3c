"""A consumer in the test's own process, over a real broker."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import polars as pl

from ingest.batch import Limits
from ingest.broker import KafkaBroker
from ingest.chain import Chain, Store
from ingest.cli.wiring import SystemClock
from ingest.consume import Consumer, Crew, Options
from ingest.folder import FolderStore
from ingest.kafka import Producer, client_settings, ensure_topic
from ingest.monitors import Monitors
from ingest.objects import ChainId, Encoder
from ingest.records import OffsetRange, Partition
from ingest.source import KafkaSource, consumer_settings
from ingest.summary import Summary
from ingest.survey import Survey
from tests.chains import raw_event
from tests.services.kafka import OWN

_numbers = itertools.count()


@dataclass
class Pipeline:
    """A topic of 4 partitions of its own, and a folder for its objects."""

    bootstrap: str
    root: Path
    topic: str = field(default_factory=lambda: f"consume{OWN}-{next(_numbers)}")
    group: str = f"g{OWN}"
    chain: str = ""  #: the topic whose chain is extended, if it is not the one that is read

    def __post_init__(self) -> None:
        self.client = client_settings(self.bootstrap)
        ensure_topic(self.client, self.topic, 4, 30)

    def produce(self, count: int, start: int = 0) -> None:
        with Producer(self.client, self.topic) as producer:
            for number in range(start, start + count):
                producer.send(b"k%d" % (number % 50), raw_event(number))

    def consumer(self, stop: Event | None = None, store: Store | None = None, **changes) -> Consumer:
        """A consumer that is not yet running. `changes` are fields of Limits and Options, or group."""
        limits = {"rows": 1000, "nbytes": 1 << 26, "age": 300.0}
        options = {"max_record_bytes": 1 << 20, "max_buffer_bytes": 1 << 28, "once": True, "grace": 20.0}
        properties = {"session.timeout.ms": "6000"}
        if "fetch_kilobytes" in changes:  # how much the client may read ahead
            kilobytes = changes.pop("fetch_kilobytes")
            properties["queued.max.messages.kbytes"] = str(kilobytes)
            properties["fetch.message.max.bytes"] = str(1024 * kilobytes)
        group, accept = changes.pop("group", self.group), changes.pop("accept", False)
        topics = changes.pop("topics", [self.topic])
        if not changes.pop("timeouts", True):  # KIP-848's are the broker's
            properties.clear()
        monitors, more = changes.pop("monitors", ()), changes.pop("properties", {})
        for name, value in changes.items():
            (limits if name in limits else options)[name] = value
        conf = consumer_settings(self.client, group, properties | more)
        encode, where = Encoder("test", uuid.uuid4().hex), store or FolderStore(self.root)
        return Consumer(
            lambda listener: KafkaSource(conf, topics, listener),
            Survey(
                KafkaBroker(self.client, group),
                lambda partition, identity: Chain(where, self._identity(partition, identity), encode, accept=accept),
            ),
            Options(Limits(**limits), **options),
            SystemClock(),
            Monitors(*monitors),
            Crew(ThreadPoolExecutor(4), ThreadPoolExecutor(2)),
            stop or Event(),
        )

    def _identity(self, partition: Partition, identity: str) -> ChainId:
        return ChainId(self.chain or partition.topic, identity, partition.number)

    def run(self, **changes) -> Summary:
        return self.consumer(**changes).run()

    @contextmanager
    def running(self, **changes) -> Iterator[Consumer]:
        """A consumer in a thread; leaving stops it cleanly."""
        stop = Event()
        consumer = self.consumer(stop, once=False, **changes)
        thread = Thread(target=consumer.run)
        thread.start()
        try:
            yield consumer
        finally:
            stop.set()
            thread.join(60)
            assert not thread.is_alive()

    def objects(self) -> list[Path]:
        return sorted(self.root.glob(f"{self.topic}/**/*.parquet"))

    def stored(self) -> pl.DataFrame:
        """All rows, without a sort or a selection of ours."""
        return pl.concat(pl.read_parquet(path) for path in self.objects())

    def assert_sound(self, records: int) -> None:
        """Every record once, each chain from 0 without gap or overlap, and each object true to its metadata."""
        position: dict[int, int] = {}
        for path in self.objects():
            said, rows = pl.read_parquet_metadata(path), pl.read_parquet(path)
            number = int(said["partition"])
            assert int(said["start"]) == position.get(number, 0), path
            assert rows["_offset"].to_list() == list(range(int(said["start"]), int(said["next"])))
            assert rows["_partition"].unique().to_list() == [number]
            position[number] = OffsetRange(int(said["start"]), int(said["next"])).next
        assert sum(position.values()) == records
        ids = self.stored()["event_id"]
        assert sorted(ids) == sorted(f"e{number}" for number in range(records))


def eventually(ask: Callable[[], object], seconds: float = 30) -> None:
    """Wait until `ask` answers something true."""
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
