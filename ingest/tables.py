"""The tables of the warehouse: their columns, and a line of the history.

    raw.raw_events     one row for every stored row: `ingest.events.SCHEMA`, then where it came from
    raw.job_runs       one row for every job record: `ingest.jobs.JOB_SCHEMA`, then where it came from
    raw.load_history   one row for every object ever tried

Times are naive `TIMESTAMP`s in UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from ingest.errors import SettingsError
from ingest.events import SCHEMA
from ingest.jobs import JOB_SCHEMA
from ingest.layout import Kind, kind_of

if TYPE_CHECKING:
    from datetime import datetime

_TYPES: Final[dict[pl.DataType | type[pl.DataType], str]] = {
    pl.String: "VARCHAR",
    pl.Binary: "BLOB",
    pl.Int32: "INTEGER",
    pl.Int64: "BIGINT",
    pl.Datetime("us", "UTC"): "TIMESTAMP",
}
#: What every row has, valid or quarantined: who it is, and when we stored it.
ALWAYS: Final = frozenset(("_topic", "_topic_id", "_partition", "_offset", "_ingested_at"))
#: What not every job record has: a run may not have ended, or not have failed.
SOMETIMES: Final = frozenset(("completed_at", "error_message"))

#: Column names and DuckDB types of raw.raw_events, in order. `_file` is the object's key in the store,
#: `_file_row` counts from 1, `_loaded_at` never runs backwards from one load to the next.
RAW_COLUMNS: Final[dict[str, str]] = {
    **{name: _TYPES[kind] + " NOT NULL" * (name in ALWAYS) for name, kind in SCHEMA.items()},
    "_file": "VARCHAR NOT NULL",
    "_file_row": "BIGINT NOT NULL",
    "_loaded_at": "TIMESTAMP NOT NULL",
}
#: Those of raw.job_runs. `_file` and `_file_row` are null where a run wrote the row itself.
JOB_COLUMNS: Final[dict[str, str]] = {
    **{name: _TYPES[kind] + " NOT NULL" * (name not in SOMETIMES) for name, kind in JOB_SCHEMA.items()},
    "_file": "VARCHAR",
    "_file_row": "BIGINT",
    "_loaded_at": "TIMESTAMP NOT NULL",
}
#: Those of raw.load_history. `records` is 0 and `error` set when failed; `attempts` counts them all. An `expired`
#: line is as it was when loaded: retention has taken its rows since.
HISTORY_COLUMNS: Final[dict[str, str]] = {
    "file": "VARCHAR PRIMARY KEY",
    "status": "VARCHAR NOT NULL",
    "records": "BIGINT NOT NULL",
    "bytes": "BIGINT NOT NULL",
    "error": "VARCHAR",
    "started_at": "TIMESTAMP NOT NULL",
    "completed_at": "TIMESTAMP NOT NULL",
    "attempts": "BIGINT NOT NULL",
}

#: An object can't be stored after it was loaded, but for what two clocks may differ by.
_CLOCKS: Final = timedelta(days=1)

#: Every table of schema raw, and its columns.
TABLES: Final = {"raw_events": RAW_COLUMNS, "job_runs": JOB_COLUMNS, "load_history": HISTORY_COLUMNS}

#: Those whose rows age, by `_loaded_at`.
AGING: Final = ("raw_events", "job_runs")

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")

_POLARS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "VARCHAR": pl.String,
    "BIGINT": pl.Int64,
    "TIMESTAMP": pl.Datetime("us", "UTC"),
}
#: The same for Polars, which holds times as aware ones.
HISTORY_SCHEMA: Final = {name: _POLARS[kind.split()[0]] for name, kind in HISTORY_COLUMNS.items()}


@dataclass(frozen=True, slots=True)
class History:
    """A line of the load history. Times are aware, in UTC; `bytes` is the object's size, 0 if not known."""

    file: str
    status: Literal["loaded", "failed", "expired"]
    records: int
    bytes: int
    error: str | None
    started_at: datetime
    completed_at: datetime
    attempts: int = 1

    def is_of_another(self, modified: datetime | None) -> bool:
        """Whether an object that was stored then, at this key, is another one than the one that expired.

        The same one may well be there still: retention takes rows and objects at different times.
        """
        return self.status == "expired" and modified is not None and modified > self.completed_at + _CLOCKS


def table_of(file: str) -> str:
    """The table that the rows of the object at this key belong in."""
    return "raw.job_runs" if kind_of(file) is Kind.JOB else "raw.raw_events"


def check_table(name: str) -> None:
    """Raise `SettingsError` unless `name` is `<schema>.<table>`, and none of the tables that loads write."""
    if not _NAME.fullmatch(name) or name in {f"raw.{table}" for table in TABLES}:
        raise SettingsError(
            f"{name!r} is no table for that",
            "Give <schema>.<table> in small letters, not one that `ingest load` fills.",
        )
