"""DuckDB as the warehouse: raw rows, and the history of what was loaded.

An object's rows and its line in the history are written in one transaction, and the history's primary key
is the object's key: each object is loaded once, whole or not at all, whoever is killed when. DuckDB lets one
process at a time write to its file.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

import duckdb
import polars as pl

from ingest.database import connect, insert, plain, warehouse_error
from ingest.errors import WarehouseError
from ingest.jobs import rows_of
from ingest.rows import fit
from ingest.tables import AGING, HISTORY_COLUMNS, HISTORY_SCHEMA, TABLES, History, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from ingest.jobs import JobRecord
    from ingest.rows import Incoming


class DuckDbWarehouse:
    """The warehouse in the file at `path`, made with its tables if it isn't there.

    A context manager: the file is locked from entering to leaving. `clock` answers the time in UTC.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock

    def __enter__(self) -> Self:
        self._connection = connect(self._path)
        try:
            self._make_tables()
        except BaseException as error:
            self._connection.close()
            if isinstance(error, duckdb.Error):
                raise warehouse_error(self._path, error) from error
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

    def expire(self, horizon: datetime) -> dict[str, int]:
        """Take what was loaded before the horizon, in one transaction; answers how many rows of each table.

        Lines of the history stay, and say that their rows are expired. Raises `WarehouseError`, having changed
        nothing. DuckDB's file keeps its size: what is freed is filled by later loads.
        """
        before = [horizon.astimezone(UTC).replace(tzinfo=None)]
        try:
            with self._transaction():
                self._connection.execute(_EXPIRE, before)
                taken = {table: self._delete(f"raw.{table}", before) for table in AGING}
            self._connection.execute("checkpoint")
        except duckdb.Error as error:
            raise warehouse_error(self._path, error) from error
        return taken

    def load(self, incoming: Sequence[Incoming]) -> list[History]:
        """Load objects in one transaction; answers their lines of the history, in order.

        An object that doesn't fit is recorded as failed, and the others are loaded. Raises
        `WarehouseError`, having changed nothing, if DuckDB itself fails.
        """
        fitted = [fit(one) for one in incoming]
        try:
            return self._write_fitting(incoming, fitted)
        except duckdb.Error as error:
            raise warehouse_error(self._path, error) from error

    def record(self, record: JobRecord) -> None:
        """Leave a job record of a run that has the warehouse at hand. Raises `WarehouseError`."""
        try:
            loaded_at = pl.lit(self._load_time(), dtype=pl.Datetime("us", "UTC")).alias("_loaded_at")
            insert(self._connection, "raw.job_runs", rows_of([record]).with_columns(loaded_at))
        except duckdb.Error as error:
            raise warehouse_error(self._path, error) from error

    def add_missing(self, table: str, rows: pl.DataFrame) -> int:
        """Add rows, with `_file` and `_file_row`, to a table like raw.raw_events, but for records that it has.

        The table is made if it isn't there. Answers how many were added. Raises `WarehouseError`.
        """
        offsets = rows["_offset"].to_list() or [0]
        missing = _MISSING.format(table=table, first=min(offsets), last=max(offsets))
        loaded_at = pl.lit(self._clock().astimezone(UTC), dtype=pl.Datetime("us", "UTC")).alias("_loaded_at")
        try:
            self._connection.execute(f"create schema if not exists {table.partition('.')[0]}")
            self._make_table(table, TABLES["raw_events"])
            return insert(self._connection, table, rows.with_columns(loaded_at), missing)
        except duckdb.Error as error:
            raise warehouse_error(self._path, error) from error

    def _write_fitting(self, incoming: Sequence[Incoming], fitted: Sequence[pl.DataFrame | str]) -> list[History]:
        try:
            return self._write(incoming, fitted)
        except (duckdb.DataError, duckdb.IntegrityError) as error:
            if len(incoming) > 1:  # find out which one it is
                return [line for one in incoming for line in self.load([one])]
            return self._write(incoming, [f"DuckDB does not take its rows ({plain(error)})"])

    def _write(self, incoming: Sequence[Incoming], fitted: Sequence[pl.DataFrame | str]) -> list[History]:
        """In one transaction: 1. the time, 2. the history, 3. the rows."""
        with self._transaction():
            at = self._load_time()
            lines = [_line(one, rows, at) for one, rows in zip(incoming, fitted, strict=True)]
            self._write_history(lines)
            for table, rows in _by_table(fitted, lines).items():
                insert(self._connection, table, rows)
        return lines

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # it may have rolled back itself; the cause is what counts
                self._connection.rollback()
            raise

    def _delete(self, table: str, before: Sequence[datetime]) -> int:
        counted = self._connection.execute(f"delete from {table} where _loaded_at < ?", before).fetchone()  # noqa: S608
        return int(counted[0]) if counted else 0

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
        written = insert(self._connection, "raw.load_history", frame, _UNLESS_LOADED)
        if written != len(lines):
            raise WarehouseError(f"{self._path}: another loader was here first", "Run `ingest load` again.")

    def _make_tables(self) -> None:
        self._connection.execute("create schema if not exists raw")
        for table, columns in TABLES.items():
            self._make_table(f"raw.{table}", columns)

    def _make_table(self, table: str, columns: Mapping[str, str]) -> None:
        ddl = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        self._connection.execute(f"create table if not exists {table} ({ddl})")
        found = self._connection.execute(f"describe {table}").fetchall()
        if {name: kind for name, kind, *_ in found} != {n: k.split()[0] for n, k in columns.items()}:
            raise WarehouseError(
                f"{self._path}: {table} has other columns than this version writes",
                "Name another table, or move the file away: `ingest load` fills a new one from the store.",
            )


_MISSING: Final = """
    where not exists (
        select 1 from {table} as known
        where known._offset between {first} and {last} and known._offset = arriving._offset
            and known._topic_id = arriving._topic_id and known._topic = arriving._topic
            and known._partition = arriving._partition
    )
"""
_UPDATED: Final = ", ".join(
    f"{name} = excluded.{name}" for name in HISTORY_COLUMNS if name not in ("file", "attempts")
)
_UNLESS_LOADED: Final = (
    f"on conflict (file) do update set {_UPDATED}, attempts = load_history.attempts + 1 "
    "where load_history.status in ('failed', 'expired')"
)
_EXPIRE: Final = "update raw.load_history set status = 'expired' where status = 'loaded' and completed_at < ?"


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
    )


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC)
