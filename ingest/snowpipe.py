"""What Snowflake says of its pipes: their state, what they loaded, what that cost. Questions only.

COPY_HISTORY has two forms: the table function answers at once and reaches back 14 days; the view of ACCOUNT_USAGE
reaches back a year and lags by up to two hours. Together they are the load history.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import WarehouseUnseen
from ingest.layout import Kind, kind_of

if TYPE_CHECKING:
    from ingest.ddl import Names
    from ingest.snowflake import Snowflake

#: How far back the table function may be asked, less some minutes for clocks that differ.
REACH: Final = timedelta(days=14) - timedelta(minutes=10)

_COLUMNS: Final = """
    file_name, coalesce(last_load_time, pipe_received_time), row_count, file_size, status, first_error_message
"""
_RECENT: Final = """
    select {columns}
    from table({database}.information_schema.copy_history(table_name => %s, start_time => to_timestamp_ltz(%s)))
"""
#: Of the table that is there now, and not of one of this name that was dropped.
_OLDER: Final = """
    select {columns}
    from snowflake.account_usage.copy_history
    where table_catalog_name = %s and table_schema_name = 'RAW' and table_name = %s
        and last_load_time >= (
            select max(created)
            from {database}.information_schema.tables
            where table_schema = 'RAW' and table_name = %s
        )
"""
_USAGE: Final = """
    select coalesce(sum(credits_used), 0), coalesce(sum(bytes_inserted), 0), coalesce(sum(files_inserted), 0)
    from table({database}.information_schema.pipe_usage_history(
        date_range_start => to_timestamp_ltz(%s), date_range_end => to_timestamp_ltz(%s), pipe_name => %s
    ))
"""


class LoadState(StrEnum):
    """How a load stands."""

    LOADED = "loaded"
    UNDER_WAY = "under way"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Load:
    """One try to load an object: its key, when, how many rows and bytes, and what hindered it if it failed."""

    key: str
    at: datetime
    rows: int
    nbytes: int
    state: LoadState
    error: str | None


@dataclass(frozen=True, slots=True)
class PipeState:
    """What SYSTEM$PIPE_STATUS says. `pending` counts objects in the queue, `messages` those not looked at yet.

    `last_message` is when the pipe was last told of an object that is one of its own.
    """

    state: str
    pending: int
    messages: int
    last_message: datetime | None
    error: str | None

    @property
    def running(self) -> bool:
        """Whether it loads what it is told of."""
        return self.state == "RUNNING"

    @property
    def paused(self) -> bool:
        """Whether somebody told it to wait."""
        return self.state == "PAUSED"


@dataclass(frozen=True, slots=True)
class Pipe:
    """What SHOW PIPES says of a pipe. `channel` is the queue that the bucket has to notify."""

    name: str
    definition: str
    channel: str | None
    error_integration: str | None
    created: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pipe took: credits, bytes and objects."""

    credits: float
    nbytes: int
    objects: int


#: COPY_HISTORY's words; every other means that the object, or a part of it, was not loaded.
_STATES: Final = {"loaded": LoadState.LOADED, "load in progress": LoadState.UNDER_WAY}


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
                _aware(row["created_on"]),
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
            _time(said.get("lastForwardedMessageTimestamp")),
            said.get("error") or said.get("fault") or None,
        )

    def loads(self, table: str, now: datetime) -> list[Load]:
        """What was tried to be loaded into `raw_events` or `job_runs`, as far back as Snowflake knows, oldest first.

        A pipe that was replaced has taken its recent history with it; ACCOUNT_USAGE has it some hours later. That is
        left out if this role may not read it.
        """
        of = {"columns": _COLUMNS, "database": self._names.database}
        rows = self._snowflake.select(_RECENT.format(**of), [self._names[table], now - REACH])
        with suppress(WarehouseUnseen):
            name = table.upper()
            rows += self._snowflake.select(_OLDER.format(**of), [self._names.database, name, name])
        return sorted(set(map(self._load, rows)), key=lambda load: load.at)

    def usage(self, table: str, since: datetime, until: datetime) -> Usage:
        """What the pipe of `raw_events` or `job_runs` took in that time, which may be 14 days long at the most."""
        question = _USAGE.format(database=self._names.database)
        ((used, nbytes, objects),) = self._snowflake.select(question, [since, until, self._names[f"{table}_pipe"]])
        return Usage(float(used), int(nbytes), int(objects))

    def _load(self, row: tuple[Any, ...]) -> Load:
        file, at, count, size, status, error = row
        said = status.replace("_", " ").lower()
        state = _STATES.get(said, LoadState.FAILED)
        reason = (error or status) if state is LoadState.FAILED else None
        return Load(self.key_of(file), _aware(at), int(count or 0), int(size or 0), state, reason)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _aware(time: datetime) -> datetime:
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
