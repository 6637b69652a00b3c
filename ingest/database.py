"""DuckDB's file: opened, read and added to, its errors in our words.

DuckDB lets one process at a time write to its file, or any number read it. The library is loaded when a file is
opened: the consumer's container has none, and verifies without a warehouse.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from ingest.errors import WarehouseError, WarehouseLocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import duckdb

#: One thread loads no slower than two, in half the memory, and leaves no half-full row groups to rewrite; the
#: limit is for DuckDB's cache, which takes most of the machine otherwise; fewer checkpoints rewrite less.
_SETTINGS: Final = "set threads = 1; set memory_limit = '512MB'; set checkpoint_threshold = '128MB'"
_HOLDER: Final = re.compile(r"Conflicting lock is held in (.+?\(PID \d+\)(?: by user \S+?)?)[.\s]")

_REMEDY: Final = "Is the file a DuckDB database of this version, and is there room on the disk?"
#: The first pattern that is found in the system's words gives the remedy.
_REMEDIES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), remedy)
    for pattern, remedy in (
        (r"is a directory", "Name a file in it: --warehouse or DUCKDB_PATH is the file itself."),
        (r"read-only file system", "Mount it for writing, or name a file elsewhere: --warehouse or DUCKDB_PATH."),
        (
            r"permission denied|operation not permitted",
            "Give this user the right to write to the file and to its folder, or name another: --warehouse or "
            "DUCKDB_PATH.",
        ),
        (
            r"not a valid DuckDB database file",
            "Name another with --warehouse or DUCKDB_PATH, or move it away: `ingest load` fills a new one.",
        ),
        (r"no space left|disk quota", "Make room on the disk; nothing was loaded in part."),
    )
)


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """The file, made if it isn't there, for writing. Raises `WarehouseError`."""
    import duckdb  # noqa: PLC0415

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(str(path))
        return connection.execute(_SETTINGS)
    except OSError as error:
        text = error.strerror or type(error).__name__
        raise WarehouseError(f"{path}: {text}", remedy_of(text, "Give another path for the warehouse.")) from error
    except duckdb.Error as error:
        raise warehouse_error(path, error) from error


def warehouse_error(path: Path, error: duckdb.Error) -> WarehouseError:
    """DuckDB's error as ours."""
    if "Could not set lock" in str(error):
        holder = _HOLDER.search(str(error))
        text = f"{path} is in use" + (f" by {holder[1]}" if holder else "")
        return WarehouseLocked(text, "Wait for that process to end, or end it: DuckDB has one writer.")
    return WarehouseError(f"{path}: {plain(error)}", remedy_of(str(error), _REMEDY))


def remedy_of(text: str, otherwise: str) -> str:
    """The remedy that the text of an error of a file calls for, `otherwise` if it is no known one."""
    return next((remedy for pattern, remedy in _REMEDIES if pattern.search(text)), otherwise)


def plain(error: duckdb.Error) -> str:
    """DuckDB's words where they are about the file or a constraint, else only the kind: no event's values."""
    import duckdb  # noqa: PLC0415

    quotable = isinstance(error, duckdb.IOException | duckdb.ConstraintException | duckdb.ConnectionException)
    return str(error).splitlines()[0] if quotable else type(error).__name__


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame, condition: str = "") -> int:
    """Add rows to a table, aware times as naive ones in UTC; `condition` follows the select. Answers how many."""
    columns = ", ".join(f'"{name}"' for name in rows.columns)
    connection.register("arriving", _Stream(rows.with_columns(_NAIVE)))
    statement = f"insert into {table} ({columns}) select {columns} from arriving {condition}"  # noqa: S608
    counted = connection.execute(statement).fetchone()
    connection.unregister("arriving")
    return int(counted[0]) if counted else 0


def query(path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The column names and rows of one reading statement. Raises `WarehouseError`."""
    import duckdb  # noqa: PLC0415

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            result = connection.execute(sql)
            return [name for name, *_ in result.description or ()], result.fetchall()
    except duckdb.Error as error:
        raise warehouse_error(path, error) from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Callable[[str, Sequence[object]], list[tuple[Any, ...]]]]:
    """What answers statements with their parameters, all from one state: nobody else can write meanwhile.

    Raises `WarehouseError`, inside the block too; `WarehouseLocked` while a writer has the file.
    """
    import duckdb  # noqa: PLC0415

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("set memory_limit = '512MB'")
            yield lambda sql, parameters: connection.execute(sql, list(parameters)).fetchall()
    except duckdb.Error as error:
        raise warehouse_error(path, error) from error


class _Stream:
    """A frame as nothing but an Arrow stream: DuckDB would ask pyarrow for help with a Polars frame."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._rows.__arrow_c_stream__(requested_schema)


_NAIVE: Final = pl.selectors.datetime(time_zone="UTC").dt.replace_time_zone(None)
