# ruff: noqa: S608 - statements are made of this file's own names
"""Snowpipe for the stand-in: pipes that load objects of an S3 API, know which, and can be paused and replaced.

What it copies of Snowflake, from its documentation: a pipe tries each file once, going by its path, for as long as
the pipe lives; CREATE OR REPLACE forgets that, the queue, and the copy history with it; a paused pipe keeps its
queue; REFRESH queues what lies below a prefix, through the same memory; a file is loaded whole or not at all, and an
error is kept in the copy history. What it does not: times (it loads at once), the limits of 7, 14 and 64 days,
notifications that come late or twice.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import boto3
import duckdb
import polars as pl

HISTORY = "_fs_global.main.stand_in_copy_history"
USAGE = "_fs_global.main.stand_in_pipe_usage"
#: Where objects are: the address of an S3 API.
ENDPOINT = "SNOWFLAKE_STAND_IN_S3"

_COPY = re.compile(
    r"copy\s+into\s+(?P<table>[\w.]+)\s+from\s+@(?P<stage>[\w.]+).*pattern\s*=\s*'(?P<pattern>[^']+)'", re.I | re.S
)
_PAUSE = re.compile(r"set\s+pipe_execution_paused\s*=\s*(?P<on>true|false)", re.I)
_ERRORS = re.compile(r"set\s+error_integration\s*=\s*(?P<name>\w+)$", re.I)
_FILES = re.compile(
    r"copy\s+into\s+(?P<table>[\w.]+)\s+from\s+@(?P<stage>[\w.]+)\s+files\s*=\s*\((?P<files>[^)]*)\)(?P<rest>.*)",
    re.I | re.S,
)
_REFRESH = re.compile(r"refresh(?:\s+prefix\s*=\s*'(?P<prefix>[^']*)')?$", re.I)


@dataclass
class _Pipe:
    definition: str
    table: str
    stage: str
    pattern: str
    error_integration: str = ""
    paused: bool = False
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    queue: list[str] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)


class Pipes:
    """The pipes by name. `stages` are addresses, s3://bucket/prefix/, by the stage's name."""

    def __init__(self, stages: Mapping[str, str]) -> None:
        self._stages = stages
        self._pipes: dict[str, _Pipe] = {}

    def create(self, name: str, statement: str, duck: duckdb.DuckDBPyConnection) -> None:
        self.make_tables(duck)
        duck.execute(f"delete from {HISTORY} where pipe_name = ?", [name])
        _, definition = re.split(r"\bas\s+(?=copy\b)", statement, maxsplit=1, flags=re.I)
        copy = _COPY.match(definition)
        assert copy, definition
        self._pipes[name] = _Pipe(definition, copy["table"].upper(), copy["stage"].upper(), copy["pattern"])

    def alter(self, name: str, change: str, duck: duckdb.DuckDBPyConnection) -> None:
        pipe = self._pipes[name]
        if paused := _PAUSE.match(change):
            pipe.paused = paused["on"].lower() == "true"
        elif errors := _ERRORS.match(change):
            pipe.error_integration = errors["name"].upper()
        elif refresh := _REFRESH.match(change):
            url = urlsplit(self._stages[pipe.stage])
            prefix = url.path.lstrip("/") + (refresh["prefix"] or "")
            for page in _s3().get_paginator("list_objects_v2").paginate(Bucket=url.netloc, Prefix=prefix):
                self._queue(pipe, [one["Key"] for one in page.get("Contents", ())])
        self._work(name, duck)

    def notify(self, bucket: str, key: str, duck: duckdb.DuckDBPyConnection) -> None:
        """Tell every pipe that reads this bucket of an object at this key."""
        for name, pipe in self._pipes.items():
            if urlsplit(self._stages[pipe.stage]).netloc == bucket:
                self._queue(pipe, [key])
                self._work(name, duck)

    def status(self, name: str) -> str:
        pipe = self._pipes[name]
        state = "PAUSED" if pipe.paused else "RUNNING"
        said = {"executionState": state, "pendingFileCount": len(pipe.queue), "numOutstandingMessagesOnChannel": 0}
        if pipe.loaded or pipe.queue:
            said["lastForwardedMessageTimestamp"] = datetime.now(UTC).isoformat()
        return json.dumps(said)

    def show(self, schema: str) -> str:
        lines = [
            f"""select '{name.rpartition(".")[2]}' as "name", '{pipe.definition.replace("'", "''")}' as "definition",
            'arn:aws:sqs:us-west-2:000000000000:sf-snowpipe' as "notification_channel",
            '{pipe.error_integration}' as "error_integration",
            cast('{pipe.created.isoformat()}' as timestamp_ltz) as "created_on\""""
            for name, pipe in self._pipes.items()
            if name.rpartition(".")[0] == schema
        ]
        empty = """select * from (select '' as "name", '' as "definition", '' as "notification_channel",
            '' as "error_integration", current_timestamp() as "created_on") where 1 = 0"""
        return " union all ".join(lines) or empty

    def make_tables(self, duck: duckdb.DuckDBPyConnection) -> None:
        duck.execute(
            f"create table if not exists {HISTORY} (pipe_name varchar, table_name varchar, file_name varchar, "
            "pipe_received_time timestamptz, last_load_time timestamptz, row_count bigint, file_size bigint, "
            "status varchar, first_error_message varchar)"
        )
        duck.execute(
            f"create table if not exists {USAGE} (pipe_name varchar, credits_used double, bytes_inserted bigint, "
            "files_inserted bigint)"
        )

    def _queue(self, pipe: _Pipe, keys: list[str]) -> None:
        url = urlsplit(self._stages[pipe.stage])
        prefix = url.path.lstrip("/")
        for key in keys:
            inside = key.startswith(prefix) and re.fullmatch(pipe.pattern, key.removeprefix(prefix))
            if inside and key not in pipe.loaded and key not in pipe.queue:
                pipe.queue.append(key)

    def _work(self, name: str, duck: duckdb.DuckDBPyConnection) -> None:
        pipe = self._pipes[name]
        self.make_tables(duck)
        while pipe.queue and not pipe.paused:
            key = pipe.queue.pop(0)
            if key not in pipe.loaded:
                pipe.loaded.add(key)
                self._load(name, pipe.table, key, urlsplit(self._stages[pipe.stage]), duck)

    def copy(self, statement: str, duck: duckdb.DuckDBPyConnection) -> str | None:
        """Carry out a COPY of files by name: the query that answers it; None if it is none."""
        copy = _FILES.match(statement)
        if copy is None:
            return None
        url = urlsplit(self._stages[copy["stage"].upper()])
        lines = []
        for file in re.findall(r"'([^']+)'", copy["files"]):
            error = self._load("", copy["table"].upper(), url.path.lstrip("/") + file, url, duck)
            status = "LOAD_FAILED" if error else "LOADED"
            lines.append(
                f"""select '{file}' as "file", '{status}' as "status", '{_plain(error)}' as "first_error\""""
            )
        return " union all ".join(lines)

    def _load(self, pipe: str, table: str, key: str, url: SplitResult, duck: duckdb.DuckDBPyConnection) -> str | None:
        """Load one file whole, or not at all; answers what was wrong with it."""
        body = _s3().get_object(Bucket=url.netloc, Key=key)["Body"].read()
        file, now, rows, error = key.removeprefix(url.path.lstrip("/")), datetime.now(UTC), 0, None
        try:
            found = pl.read_parquet(io.BytesIO(body))
            rows = found.height
            found = found.with_columns(
                pl.lit(key).alias("_file"),
                pl.int_range(1, pl.len() + 1).alias("_file_row"),
                pl.lit(now).alias("_loaded_at"),
            )
            duck.register("arriving", found.to_arrow())
            duck.execute(f"insert into {table} by name select * from arriving")
            duck.unregister("arriving")
        except (pl.exceptions.PolarsError, duckdb.Error) as problem:
            error, rows = str(problem).splitlines()[0], 0
        self.make_tables(duck)
        duck.execute(
            f"insert into {HISTORY} values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [pipe, table, file, now, now, rows, len(body), "Load failed" if error else "Loaded", error],
        )
        duck.execute(f"insert into {USAGE} values (?, ?, ?, 1)", [pipe, 0.001, len(body)])
        return error


def _plain(text: str | None) -> str:
    return (text or "").replace("'", "")


def _s3() -> Any:
    return boto3.client(
        "s3",
        endpoint_url=os.environ[ENDPOINT],
        region_name="us-west-2",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
