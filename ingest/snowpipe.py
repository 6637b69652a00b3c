"""What Snowflake says of its pipes: their state, what they loaded, what that cost. Questions only.

COPY_HISTORY has two forms: the table function answers at once and reaches back 14 days; the view of ACCOUNT_USAGE
reaches back a year and lags by up to two hours. Together they are the load history.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import WarehouseError
from ingest.layout import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.ddl import Names
    from ingest.snowflake import Snowflake

#: How far back the table function may be asked, less some minutes for clocks that differ.
REACH: Final = timedelta(days=14) - timedelta(minutes=10)
_RUNNING: Final = "RUNNING"

_RECENT: Final = """
    select file_name, last_load_time, row_count, file_size, status, first_error_message
    from table({database}.information_schema.copy_history(table_name => %s, start_time => to_timestamp_ltz(%s)))
"""
_OLDER: Final = """
    select file_name, last_load_time, row_count, file_size, status, first_error_message
    from snowflake.account_usage.copy_history
    where table_catalog_name = %s and table_schema_name = 'RAW' and table_name = %s
        and last_load_time < to_timestamp_ltz(%s)
"""
_USAGE: Final = """
    select coalesce(sum(credits_used), 0), coalesce(sum(bytes_inserted), 0), coalesce(sum(files_inserted), 0)
    from table({database}.information_schema.pipe_usage_history(
        date_range_start => to_timestamp_ltz(%s), date_range_end => to_timestamp_ltz(%s), pipe_name => %s
    ))
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One try to load an object: its key, when, how many rows and bytes, and what hindered it."""

    key: str
    at: datetime
    rows: int
    nbytes: int
    error: str | None


@dataclass(frozen=True, slots=True)
class PipeState:
    """What SYSTEM$PIPE_STATUS says. `pending` counts objects in the queue, `messages` those not looked at yet."""

    state: str
    pending: int
    messages: int
    last_message: datetime | None
    error: str | None

    @property
    def running(self) -> bool:
        """Whether it loads what it is told of."""
        return self.state == _RUNNING


@dataclass(frozen=True, slots=True)
class Pipe:
    """What SHOW PIPES says of a pipe. `channel` is the queue that the bucket has to notify."""

    name: str
    definition: str
    channel: str | None
    error_integration: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pipe took: credits, bytes and objects."""

    credits: float
    nbytes: int
    objects: int


class Snowpipe:
    """The pipes of a database. `prefix` is what keys in the bucket begin with: Snowflake counts it in.

    Every method raises `WarehouseError`.
    """

    def __init__(self, snowflake: Snowflake, names: Names, prefix: str) -> None:
        self._snowflake = snowflake
        self._names = names
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    def key_of(self, file: str) -> str:
        """The object's key in the store, of what Snowflake calls it: with the prefix or without."""
        bare = file.lstrip("/")
        inner = bare.removeprefix(self._prefix)
        return inner if kind_of(inner) is not Kind.FOREIGN else bare

    def pipes(self) -> dict[str, Pipe]:
        """The pipes of schema RAW that this role may see, by name."""
        found = self._snowflake.records(f"show pipes in schema {self._names.database}.RAW")
        return {
            row["name"]: Pipe(
                row["name"],
                row["definition"] or "",
                row.get("notification_channel") or None,
                row.get("error_integration") or None,
            )
            for row in found
        }

    def state(self, table: str) -> PipeState:
        """The state of the pipe of `raw_events` or `job_runs`."""
        name = self._names[f"{table}_pipe"]
        ((text,),) = self._snowflake.select("select system$pipe_status(%s)", [name])
        said = json.loads(text)
        return PipeState(
            said.get("executionState", "UNKNOWN"),
            int(said.get("pendingFileCount", 0)),
            int(said.get("numOutstandingMessagesOnChannel", 0)),
            _time(said.get("lastReceivedMessageTimestamp")),
            said.get("error") or said.get("fault") or None,
        )

    def loads(self, table: str, now: datetime) -> list[Load]:
        """What was tried to be loaded into `raw_events` or `job_runs`, as far back as Snowflake knows, oldest first.

        ACCOUNT_USAGE is left out if this role may not read it.
        """
        since = now - REACH
        recent = _RECENT.format(database=self._names.database)
        rows = self._snowflake.select(recent, [self._names[table], since])
        with suppress(WarehouseError):
            rows += self._snowflake.select(_OLDER, [self._names.database, table.upper(), since])
        return sorted(self._loads(rows), key=lambda load: load.at)

    def usage(self, table: str, since: datetime, until: datetime) -> Usage:
        """What the pipe of `raw_events` or `job_runs` took in that time, which may be 14 days long at the most."""
        question = _USAGE.format(database=self._names.database)
        ((used, nbytes, objects),) = self._snowflake.select(question, [since, until, self._names[f"{table}_pipe"]])
        return Usage(float(used), int(nbytes), int(objects))

    def _loads(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[Load]:
        for file, at, count, size, status, error in rows:
            failed = status.replace("_", " ").lower() != "loaded"
            yield Load(
                self.key_of(file), _aware(at), int(count or 0), int(size or 0), (error or status) if failed else None
            )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _aware(time: datetime) -> datetime:
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
