"""A sound pipeline's store and warehouse, and hands that damage them."""

from __future__ import annotations

import io
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import boto3
import duckdb
import polars as pl

from ingest.batch import Batch
from ingest.broker import KafkaBroker
from ingest.chain import Chain, Store
from ingest.cli.asking import when_free
from ingest.folder import FolderStore
from ingest.holdings import read_holdings
from ingest.jobs import Counts, JobType, Run, object_of
from ingest.kafka import Producer
from ingest.layout import Slot, recovered_key, slot_of
from ingest.load import load
from ingest.marks import Marks
from ingest.objects import ChainId, Encoder, sealed_parquet
from ingest.probe import probe
from ingest.records import OffsetRange
from ingest.tails import Tails
from ingest.verify import Report, Sources, verify
from tests.chains import batch
from tests.running import Pipeline
from tests.services.s3 import CREDENTIALS, S3Server

#: Long after everything was loaded.
LATER = datetime.now(UTC) + timedelta(hours=1)


class Hands(Protocol):
    """What no store of ours does: change and remove objects."""

    def remove(self, key: str) -> None: ...
    def write(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None: ...


@dataclass
class FolderHands:
    root: Path

    def remove(self, key: str) -> None:
        (self.root / key).unlink()

    def write(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        (self.root / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / key).write_bytes(body)


@dataclass
class BucketHands:
    bucket: str
    prefix: str
    client: Any

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")

    def write(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}", Body=body, Metadata=dict(metadata))


def hands_of(store: Store, server: S3Server | None) -> Hands:
    if server is None:
        return FolderHands(Path(store.url))
    bucket, _, prefix = store.url.removeprefix("s3://").partition("/")
    return BucketHands(bucket, prefix, client_of(server))


@cache
def client_of(server: S3Server) -> Any:
    """A plain client of the S3 API, which may do what no store of ours does."""
    names = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    secrets = {name: CREDENTIALS[variable] for name, variable in names.items()}
    return boto3.session.Session().client("s3", endpoint_url=server.url, region_name="us-west-2", **secrets)


@dataclass
class Site:
    """A store, a warehouse and a topic, and what can be asked about them."""

    store: Store
    hands: Hands
    warehouse: Path
    pipeline: Pipeline | None = None
    now: datetime = LATER

    def verify(self, *, broker: bool = True, warehouse: bool = True, **options: Any) -> Report:
        with ExitStack() as stack:
            marks = self.marks(stack) if broker and self.pipeline else None
            holdings = (lambda: when_free(lambda: read_holdings(self.warehouse))) if warehouse else None
            return verify(Sources(self.store, marks, holdings), lambda: self.now, lambda count: None, **options)

    def found(self, **options: Any) -> set[tuple[str, str | None]]:
        """Kind and key of everything that is wrong."""
        return {(one.kind.value, one.key) for one in self.verify(**options).discrepancies}

    def load(self) -> None:
        load(self.store, self.warehouse, lambda: datetime.now(UTC), lambda line: None, threading.Event())

    def sql(self, statement: str, *parameters: object) -> int:
        """How many rows it changed."""
        with duckdb.connect(str(self.warehouse)) as connection:
            return connection.execute(statement, list(parameters)).fetchall()[0][0]

    def objects(self) -> list[str]:
        """The keys of the objects of chains."""
        return [entry.key for entry in self.store.list() if slot_of(entry.key)]

    def chains(self) -> dict[ChainId, list[str]]:
        found: dict[ChainId, list[str]] = {}
        for key in self.objects():
            slot = slot_of(key)
            assert slot is not None
            found.setdefault(slot.chain, []).append(key)
        return found

    def said(self, key: str) -> dict[str, str]:
        found = self.store.metadata(key)
        assert found is not None
        return found

    def marks(self, stack: ExitStack) -> Marks:
        assert self.pipeline is not None
        client, group = self.pipeline.client, self.pipeline.group
        broker, tails = stack.enter_context(KafkaBroker(client, group)), stack.enter_context(Tails(client, group))
        return Marks(broker, tails, [self.pipeline.topic], group, lambda seconds: time.sleep(seconds / 5))


@dataclass
class Original:
    """A sound pipeline that is made once and copied for every test. All its objects are loaded."""

    pipeline: Pipeline
    folder: Path

    @classmethod
    def make(cls, bootstrap: str, folder: Path) -> Original:
        """Today's topic with quarantined records, another incarnation of it, and another topic.

        The chains of the latter two have all that is legitimate: a first offset above 0, holes, lost ranges.
        """
        made = cls(Pipeline(bootstrap, folder / "objects"), folder)
        store = FolderStore(made.pipeline.root)
        probe(store)
        made.pipeline.produce(600)
        with Producer(made.pipeline.client, made.pipeline.topic) as producer:
            for number in range(60):
                producer.send(b"k%d" % (number % 50), b"garbage")
        made.pipeline.run(rows=40)
        earlier = ChainId(made.pipeline.topic, "earlier", 0)
        for chain in (earlier, ChainId("other", "id-7", 12)):
            extend(store, chain)
        add_others(store, Slot(earlier, 0))
        Site(store, FolderHands(made.pipeline.root), folder / "warehouse.duckdb").load()
        return made

    def copy(self, store: Store, server: S3Server | None, folder: Path) -> Site:
        """The same in an empty store, which is in a bucket if there is a server."""
        hands, mine = hands_of(store, server), FolderStore(self.pipeline.root)
        for entry in mine.list():
            hands.write(entry.key, mine.read(entry.key), mine.metadata(entry.key) or {})
        shutil.copy(self.folder / "warehouse.duckdb", folder / "warehouse.duckdb")
        return Site(store, hands, folder / "warehouse.duckdb", self.pipeline)


def extend(store: Store, chain: ChainId) -> None:
    """Five objects of a chain, from slot 0 on."""
    writer = Chain(store, chain, Encoder("test", "writer"))
    ours = {"_topic": chain.topic, "_topic_id": chain.topic_id, "_partition": chain.partition}
    for one in (
        batch(0, *range(1000, 1010)),
        batch(1010, *range(1012, 1030, 2)),
        batch(1029, *range(1100, 1110), lost=(OffsetRange(1030, 1100),)),
        batch(1110, *range(1110, 1120)),
        batch(1120, *range(1120, 1130)),
    ):
        values = [pl.lit(value).cast(one.rows[name].dtype).alias(name) for name, value in ours.items()]
        writer.append(Batch(one.range, one.rows.with_columns(values), one.lost))


def add_others(store: Store, slot: Slot) -> None:
    """Rows recovered from the object at the slot, a job record, and somebody's notes."""
    rows = pl.read_parquet(io.BytesIO(store.read(slot.chain.key(slot.start)))).head(3)
    said = {
        "topic": slot.chain.topic,
        "topic-id": slot.chain.topic_id,
        "partition": str(slot.chain.partition),
        "recovered-from": str(slot.start),
        "records": "3",
    }
    store.put_if_absent(recovered_key(slot, 0), *sealed_parquet(rows, said))
    run = Run(JobType.INGEST, "test", datetime.now(UTC), "abc")
    store.put_if_absent(*object_of(run.running(datetime.now(UTC), Counts())))
    store.put_if_absent("notes/of-somebody", *sealed_parquet(rows, {"purpose": "none"}))
