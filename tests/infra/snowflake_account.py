"""An account of the stand-in, set up by the rendered SQL, over a bucket of an S3 API; and `ingest` against both."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from snowflake.connector import SnowflakeConnection

from ingest.batch import Batch
from ingest.chain import Chain
from ingest.ddl import Names, Setup
from ingest.decode import Decoder
from ingest.objects import ChainId, Encoder
from ingest.records import OffsetRange, Partition
from ingest.s3 import S3Store
from ingest.store import open_store
from tests.chains import NOW, records
from tests.infra.snowflake_setups import ROLE, setup
from tests.infra.snowflake_syntax import statements
from tests.services.s3 import CREDENTIALS, S3Server
from tests.services.snowflake import SnowflakeServer

_numbers = itertools.count()


@dataclass(frozen=True)
class SnowflakeAccount:
    """One database of a stand-in, and the bucket that its pipes load from."""

    server: SnowflakeServer
    s3: S3Server
    bucket: str
    setup: Setup

    @property
    def store(self) -> S3Store:
        return open_store(f"s3://{self.bucket}/events", endpoint_url=self.s3.url)  # type: ignore[return-value]

    def run(self, *parts: str) -> None:
        """Run parts of the rendered set-up, all of them if none is named."""
        with self.connect() as connection:
            for part in parts or self.setup.parts:
                for statement in statements(self.setup.render(part)):
                    connection.cursor().execute(statement)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.cursor().execute(statement).fetchall()  # type: ignore[union-attr, return-value]

    @contextmanager
    def connect(self) -> Iterator[SnowflakeConnection]:
        with self.server.connect(self.setup.names.database) as connection:
            yield connection

    def put(self, partition: int = 0, batches: int = 3, rows: int = 4) -> list[str]:
        """Extend the chain of a partition; answers the keys of its objects, which nobody was told of."""
        identity = ChainId("events_raw", "id-1", partition)
        known = [entry.key for entry in self.store.list(identity.prefix)]
        chain = Chain(self.store, identity, Encoder("test", f"w{next(_numbers)}"))
        decode = Decoder(Partition("events_raw", partition), "id-1", 1 << 20)
        for start in range(rows * len(known), rows * (len(known) + batches), rows):
            found = decode(records(*range(start, start + rows)), NOW)
            chain.append(Batch(OffsetRange(start, start + rows), found, ()))
        return [entry.key for entry in self.store.list(identity.prefix) if entry.key not in known]

    def notify(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.sql(f"call stand_in.notify('s3://{self.bucket}/events/{key}')")

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.s3.url,
            region_name="us-west-2",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def ingest(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """The command line as a user of this account runs it: its exit code, stdout and stderr."""
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_", "SNOWFLAKE"))
        }
        settings = {
            "S3_BUCKET_RAW_EVENTS": self.bucket,
            "S3_ENDPOINT_URL": self.s3.url,
            "SNOWFLAKE_ACCOUNT": "stand-in",
            "SNOWFLAKE_HOST": f"http://127.0.0.1:{self.server.port}",
            "SNOWFLAKE_USERNAME": "test",
            "SNOWFLAKE_AUTHENTICATOR": "snowflake",
            "SNOWFLAKE_PASSWORD": "test",
            "SNOWFLAKE_DATABASE": self.setup.names.database,
            "SNOWFLAKE_NAME_PREFIX": self.setup.names.prefix,
            "SNOWFLAKE_STORAGE_ROLE_ARN": ROLE,
        }
        done = subprocess.run(
            [sys.executable, "-m", "ingest", *words],
            env=own | CREDENTIALS | settings | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


def account(server: SnowflakeServer, s3: S3Server) -> SnowflakeAccount:
    """A new account, not set up yet."""
    number = next(_numbers)
    bucket = f"snowflake-{number}"
    s3.create_bucket(bucket)
    return SnowflakeAccount(
        server,
        s3,
        bucket,
        setup(names=Names(f"T{number}", f"ANALYTICS_{number}"), stage_url=f"s3://{bucket}/events/"),
    )
