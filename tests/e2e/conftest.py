from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.kafka import client_settings, ensure_topic
from ingest.s3 import S3Store
from tests.services.kafka import OWN
from tests.services.s3 import CREDENTIALS, S3Server

_numbers = itertools.count()


@dataclass
class System:
    """The commands as users run them: a topic on Apache Kafka, a bucket behind an S3 API, a DuckDB file."""

    bootstrap: str
    s3: S3Server
    folder: Path
    topic: str = field(default_factory=lambda: f"e2e{OWN}-{next(_numbers)}")

    def __post_init__(self) -> None:
        ensure_topic(client_settings(self.bootstrap), self.topic, 4, 30)
        self.s3.create_bucket(self.topic)

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "KAFKA_TOPIC_EVENTS_RAW": self.topic,
            "KAFKA_CONSUMER_GROUP": self.topic,
            "S3_BUCKET_RAW_EVENTS": self.topic,
            "S3_ENDPOINT_URL": self.s3.url,
            "DUCKDB_PATH": str(self.warehouse),
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
        }
        return os.environ | CREDENTIALS | own

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Run `ingest` in the background; its log goes to a file that a failure shows."""
        log = (self.folder / "log").open("a")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "ingest", *words],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def ingest(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Run `ingest … --output json` to its end."""
        process = self.start(*words, "--output", "json")
        output, _ = process.communicate(timeout=280)
        assert process.returncode == code, (self.folder / "log").read_text()[-3000:]
        return json.loads(output)

    def dbt(self, *words: str) -> str:
        dbt = Path(sys.executable).parent / "dbt"
        done = subprocess.run(
            [dbt, *words], cwd="dbt_project", env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def objects(self) -> int:
        """How many objects of the chain are in the bucket."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)
            store = S3Store(self.topic, "events", endpoint_url=self.s3.url, region="us-west-2")
            return sum(1 for _ in store.list(self.topic))

    def assert_every_offset_once(self, records: int) -> None:
        """Rows = records, and each partition's offsets run from 0 without a gap, each once."""
        partitions = self.query(
            "select _partition, count(*), count(distinct _offset), min(_offset), max(_offset)"
            " from raw.raw_events group by all"
        )
        assert sum(count for _, count, *_ in partitions) == records
        for number, count, distinct, first, last in partitions:
            assert (distinct, first, last) == (count, 0, count - 1), number


@pytest.fixture
def system(kafka_broker: str, s3: S3Server, tmp_path: Path) -> System:
    return System(kafka_broker, s3, tmp_path)
