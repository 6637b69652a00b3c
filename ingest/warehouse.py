"""DuckDB as the warehouse: raw rows, and the history of what was loaded. The only importer of duckdb.

An object's rows and its line in the history are written in one transaction, and the history's primary key
is the object's key: each object is loaded once, whole or not at all, whoever is killed when. DuckDB lets one
process at a time write to its file.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb
import polars as pl

from ingest.errors import WarehouseError, WarehouseLocked
from ingest.jobs import rows_of
from ingest.rows import fit
from ingest.tables import HISTORY_COLUMNS, HISTORY_SCHEMA, TABLES, History, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from ingest.jobs import JobRecord
    from ingest.rows import Incoming

#: One thread loads no slower than two, in half the memory, and leaves no half-full row groups to rewrite; the
#: limit is for DuckDB's cache, which takes most of the machine otherwise; fewer checkpoints rewrite less.
_SETTINGS: Final = "set threads = 1; set memory_limit = '512MB'; set checkpoint_threshold = '128MB'"
_HOLDER: Final = re.compile(r"Conflicting lock is held in (.+?\(PID \d+\)(?: by user \S+?)?)[.\s]")


class DuckDbWarehouse:
    """The warehouse in the file at `path`, made with its tables if it isn't there.

    A context manager: the file is locked from entering to leaving. `clock` answers the time in UTC.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock

    def __enter__(self) -> Self:
        self._connection = _connect(self._path)
        try:
            self._make_tables()
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def loaded(self) -> set[str]:
        """Keys of the objects whose rows are in raw.raw_events."""
        rows = self._connection.execute("select file from raw.load_history where status = 'loaded'").fetchall()
        return {file for (file,) in rows}

    def history(self) -> list[History]:
        """The whole load history, in the order of keys."""
        rows = self._connection.execute("from raw.load_history order by file").fetchall()
        lines = (History(*row) for row in rows)
        return [
            replace(line, started_at=_aware(line.started_at), completed_at=_aware(line.completed_at))
            for line in lines
        ]

    def load(self, incoming: Sequence[Incoming]) -> list[History]:
        """Load objects in one transaction; answers their lines of the history, in order.

        An object that doesn't fit is recorded as failed, and the others are loaded. Raises
        `WarehouseError`, having changed nothing, if DuckDB itself fails.
        """
        fitted = [fit(one) for one in incoming]
        try:
            return self._write_fitting(incoming, fitted)
        except duckdb.Error as error:
            raise _warehouse_error(self._path, error) from error

    def record(self, record: JobRecord) -> None:
        """Leave a job record of a run that has the warehouse at hand. Raises `WarehouseError`."""
        try:
            loaded_at = pl.lit(self._load_time(), dtype=pl.Datetime("us", "UTC")).alias("_loaded_at")
            self._insert("raw.job_runs", rows_of([record]).with_columns(loaded_at).with_columns(_NAIVE))
        except duckdb.Error as error:
            raise _warehouse_error(self._path, error) from error

    def _write_fitting(self, incoming: Sequence[Incoming], fitted: Sequence[pl.DataFrame | str]) -> list[History]:
        try:
            return self._write(incoming, fitted)
        except (duckdb.DataError, duckdb.IntegrityError) as error:
            if len(incoming) > 1:  # find out which one it is
                return [line for one in incoming for line in self.load([one])]
            return self._write(incoming, [f"DuckDB does not take its rows ({_plain(error)})"])

    def _write(self, incoming: Sequence[Incoming], fitted: Sequence[pl.DataFrame | str]) -> list[History]:
        """In one transaction: 1. the time, 2. the history, 3. the rows."""
        self._connection.begin()
        try:
            at = self._load_time()
            lines = [_line(one, rows, at) for one, rows in zip(incoming, fitted, strict=True)]
            self._write_history(lines)
            for table, rows in _by_table(fitted, lines).items():
                self._insert(table, rows)
            self._connection.commit()
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # it may have rolled back itself; the cause is what counts
                self._connection.rollback()
            raise
        return lines

    def _load_time(self) -> datetime:
        """Now, and never before an earlier load: incremental models go by `_loaded_at`."""
        row = self._connection.execute("select max(completed_at) from raw.load_history").fetchone()
        last = row[0] if row else None
        now = self._clock().astimezone(UTC)
        return max(now, _aware(last)) if last else now

    def _write_history(self, lines: Sequence[History]) -> None:
        frame = pl.DataFrame(
            [[*(getattr(line, name) for name in HISTORY_COLUMNS)] for line in lines],
            schema=HISTORY_SCHEMA,
            orient="row",
        )
        written = self._insert("raw.load_history", frame.with_columns(_NAIVE), _UNLESS_LOADED)
        if written != len(lines):
            raise WarehouseError(f"{self._path}: another loader was here first", "Run `ingest load` again.")

    def _insert(self, table: str, rows: pl.DataFrame, conflict: str = "") -> int:
        columns = ", ".join(f'"{name}"' for name in rows.columns)
        self._connection.register("arriving", _Stream(rows))
        statement = f"insert into {table} ({columns}) select {columns} from arriving {conflict}"  # noqa: S608
        counted = self._connection.execute(statement).fetchone()
        self._connection.unregister("arriving")
        return int(counted[0]) if counted else 0

    def _make_tables(self) -> None:
        self._connection.execute("create schema if not exists raw")
        for table, columns in TABLES.items():
            ddl = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            self._connection.execute(f"create table if not exists raw.{table} ({ddl})")
            found = self._connection.execute(f"describe raw.{table}").fetchall()
            if {name: kind for name, kind, *_ in found} != {n: k.split()[0] for n, k in columns.items()}:
                raise WarehouseError(
                    f"{self._path}: raw.{table} has other columns than this version writes",
                    "Move the file away and run `ingest load`: it fills a new one from the store.",
                )


class _Stream:
    """A frame as nothing but an Arrow stream: DuckDB would ask pyarrow for help with a Polars frame."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._rows.__arrow_c_stream__(requested_schema)


_NAIVE: Final = pl.selectors.datetime(time_zone="UTC").dt.replace_time_zone(None)
_UPDATED: Final = ", ".join(
    f"{name} = excluded.{name}" for name in HISTORY_COLUMNS if name not in ("file", "attempts")
)
_UNLESS_LOADED: Final = (
    f"on conflict (file) do update set {_UPDATED}, attempts = load_history.attempts + 1 "
    "where load_history.status = 'failed'"
)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(str(path))
        return connection.execute(_SETTINGS)
    except OSError as error:
        raise WarehouseError(f"{path}: {error.strerror}", "Give another path for the warehouse.") from error
    except duckdb.Error as error:
        raise _warehouse_error(path, error) from error


def _warehouse_error(path: Path, error: duckdb.Error) -> WarehouseError:
    if "Could not set lock" in str(error):
        holder = _HOLDER.search(str(error))
        text = f"{path} is in use" + (f" by {holder[1]}" if holder else "")
        return WarehouseLocked(text, "Wait for that process to end, or end it: DuckDB has one writer.")
    remedy = "Is the file a DuckDB database of this version, and is there room on the disk?"
    return WarehouseError(f"{path}: {_plain(error)}", remedy)


def _plain(error: duckdb.Error) -> str:
    """DuckDB's words where they are about the file or a constraint, else only the kind: no event's values."""
    quotable = isinstance(error, duckdb.IOException | duckdb.ConstraintException | duckdb.ConnectionException)
    return str(error).splitlines()[0] if quotable else type(error).__name__


def _line(one: Incoming, rows: pl.DataFrame | str, at: datetime) -> History:
    if isinstance(rows, str):
        return History(one.file, "failed", 0, one.size, rows, one.started_at, at)
    return History(one.file, "loaded", rows.height, one.size, None, one.started_at, at)


def _by_table(fitted: Sequence[pl.DataFrame | str], lines: Sequence[History]) -> dict[str, pl.DataFrame]:
    """What goes into each table: nothing for a failed object."""
    frames: dict[str, list[pl.DataFrame]] = {}
    for rows, line in zip(fitted, lines, strict=True):
        if not isinstance(rows, str):
            frames.setdefault(table_of(line.file), []).append(_with_origin(rows, line))
    return {table: pl.concat(found) for table, found in frames.items()}


def _with_origin(rows: pl.DataFrame, line: History) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(line.file).alias("_file"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_file_row"),
        pl.lit(line.completed_at, dtype=pl.Datetime("us", "UTC")).alias("_loaded_at"),
    ).with_columns(_NAIVE)


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC)


def query(path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The column names and rows of one reading statement. Raises `WarehouseError`."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            result = connection.execute(sql)
            return [name for name, *_ in result.description or ()], result.fetchall()
    except duckdb.Error as error:
        raise _warehouse_error(path, error) from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Callable[[str, Sequence[object]], list[tuple[Any, ...]]]]:
    """What answers statements with their parameters, all from one state: nobody else can write meanwhile.

    Raises `WarehouseError`, inside the block too; `WarehouseLocked` while a writer has the file.
    """
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("set memory_limit = '512MB'")
            yield lambda sql, parameters: connection.execute(sql, list(parameters)).fetchall()
    except duckdb.Error as error:
        raise _warehouse_error(path, error) from error
