"""Loading into DuckDB: rows and history together, each object once, unfit objects named."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from ingest.database import remedy_of
from ingest.errors import InputError, WarehouseError, WarehouseLocked
from ingest.events import SCHEMA
from ingest.objects import sealed_parquet
from ingest.rows import Incoming, read_rows
from ingest.tables import HISTORY_COLUMNS, RAW_COLUMNS
from ingest.warehouse import DuckDbWarehouse
from tests.locking import held_elsewhere
from tests.store.objects import chain_object, frame, key, metadata

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def clock(start: datetime = NOON) -> Callable[[], datetime]:
    seconds = itertools.count()
    return lambda: start + timedelta(seconds=next(seconds))


def incoming(start: int, rows: int = 10, body: bytes | None = None) -> Incoming:
    name, made, _ = chain_object(start, rows)
    body = made if body is None else body
    return Incoming(name, len(body), body, "", NOON - timedelta(seconds=1))


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "warehouse.duckdb"


def test_the_tables_have_the_columns_of_the_schema(path: Path) -> None:
    with DuckDbWarehouse(path, clock()):
        pass
    found = {name: (kind, null) for name, kind, null, *_ in query(path, "describe raw.raw_events")}
    assert list(found) == [*SCHEMA, "_file", "_file_row", "_loaded_at"] == list(RAW_COLUMNS)
    assert [name for name, kind in SCHEMA.items() if kind == pl.Datetime("us", "UTC")] + ["_loaded_at"] == [
        name for name, (kind, _) in found.items() if kind == "TIMESTAMP"
    ]
    assert {name for name, (_, null) in found.items() if null == "NO"} == {
        *("_topic", "_topic_id", "_partition", "_offset", "_ingested_at"),
        *("_file", "_file_row", "_loaded_at"),
    }
    assert [name for name, *_ in query(path, "describe raw.load_history")] == list(HISTORY_COLUMNS)


def test_every_value_arrives_as_it_was(path: Path) -> None:
    raw = bytes(range(256))
    rows = frame(5, 3).with_columns(
        pl.Series("_raw", [None, raw, b""], pl.Binary),
        pl.Series("data", ['{"a": "\u00e9\U0001f393\\u0000"}', None, ""]),
        pl.Series("sent_at", [datetime(1970, 1, 1, microsecond=1, tzinfo=UTC), None, None]).cast(SCHEMA["sent_at"]),
    )
    with DuckDbWarehouse(path, clock()) as warehouse:
        warehouse.load([incoming(5, 3, sealed_parquet(rows, metadata(5, 3))[0])])
    columns = ", ".join(f'"{name}"' for name in SCHEMA)
    found = query(path, f"select {columns} from raw.raw_events order by _offset")  # noqa: S608
    naive = rows.with_columns(pl.selectors.datetime().dt.replace_time_zone(None))
    assert found == naive.rows()
    origin = query(path, "select _file, _file_row, _loaded_at from raw.raw_events order by _offset")
    assert origin == [(key(5), number, NOON.replace(tzinfo=None)) for number in (1, 2, 3)]


def test_the_history_tells_what_was_loaded(path: Path) -> None:
    objects = [incoming(0, 10), incoming(10, 20)]
    with DuckDbWarehouse(path, clock()) as warehouse:
        lines = warehouse.load(objects)
        assert warehouse.history() == lines
        assert warehouse.loaded() == {key(0), key(10)}
    assert [(line.file, line.records, line.bytes) for line in lines] == [
        (key(0), 10, objects[0].size),
        (key(10), 20, objects[1].size),
    ]
    assert {(line.status, line.error, line.completed_at) for line in lines} == {("loaded", None, NOON)}


def test_an_object_is_loaded_once(path: Path) -> None:
    with DuckDbWarehouse(path, clock()) as warehouse:
        warehouse.load([incoming(0)])
        with pytest.raises(WarehouseError, match="another loader"):
            warehouse.load([incoming(10), incoming(0)])
        assert warehouse.loaded() == {key(0)}
    assert query(path, "select count(*) from raw.raw_events") == [(10,)]


BAD = {
    "lacks event_id; ": frame(0, 10).drop("event_id", "_raw"),
    "lacks _raw": frame(0, 10).drop("event_id", "_raw"),
    "has an unknown column extra": frame(0, 10).with_columns(extra=1),
    "_offset is Int32, not Int64": frame(0, 10).with_columns(pl.col("_offset").cast(pl.Int32)),
    "occurred_at is Datetime": frame(0, 10).with_columns(pl.col("occurred_at").dt.replace_time_zone(None)),
    "counts 10 records, and it has 9 rows": frame(0, 9),
    "NOT NULL": frame(0, 10).with_columns(_topic_id=pl.lit(None, pl.String)),
}


@pytest.mark.parametrize(("says", "rows"), BAD.items())
def test_an_unfit_object_fails_and_its_neighbours_are_loaded(path: Path, says: str, rows: pl.DataFrame) -> None:
    bad = incoming(0, 10, sealed_parquet(rows, metadata(0, 10))[0])
    with DuckDbWarehouse(path, clock()) as warehouse:
        lines = warehouse.load([incoming(20), bad, incoming(30)])
        assert warehouse.loaded() == {key(20), key(30)}
        assert warehouse.history()[0] == lines[1]
    assert [line.status for line in lines] == ["loaded", "failed", "loaded"]
    assert says in (lines[1].error or "")
    assert lines[1].records == 0
    assert query(path, "select distinct _file from raw.raw_events order by 1") == [(key(20),), (key(30),)]


@pytest.mark.parametrize("body", [b"", b"not parquet", chain_object(0, 10)[1][:-50], chain_object(0, 10)[1][50:]])
def test_a_damaged_object_fails(path: Path, body: bytes) -> None:
    with pytest.raises(InputError):
        read_rows(body)
    with DuckDbWarehouse(path, clock()) as warehouse:
        (line,) = warehouse.load([incoming(0, 10, body)])
    assert line.status == "failed"
    assert line.error


def test_a_failed_object_can_succeed_later(path: Path) -> None:
    with DuckDbWarehouse(path, clock()) as warehouse:
        for _ in range(2):
            warehouse.load([Incoming(key(0), 7, None, "no such object", NOON)])
        warehouse.load([incoming(0)])
        (line,) = warehouse.history()
    assert (line.status, line.error, line.records, line.attempts) == ("loaded", None, 10, 3)


def test_load_times_never_run_backwards(path: Path) -> None:
    with DuckDbWarehouse(path, clock()) as warehouse:
        warehouse.load([incoming(0)])
    with DuckDbWarehouse(path, clock(NOON - timedelta(hours=1))) as warehouse:
        (line,) = warehouse.load([incoming(10)])
    assert line.completed_at == NOON
    assert query(path, "select distinct _loaded_at from raw.raw_events") == [(NOON.replace(tzinfo=None),)]


def test_two_loaders_in_one_process_load_once(path: Path) -> None:
    barrier = threading.Barrier(2)
    answers: list[object] = []

    def loader() -> None:
        with DuckDbWarehouse(path, clock()) as warehouse:
            barrier.wait(10)
            try:
                answers.append(warehouse.load([incoming(0, 1000), incoming(1000, 1000)]))
            except WarehouseError as error:
                answers.append(error)
            barrier.wait(10)

    with DuckDbWarehouse(path, clock()):
        threads = [threading.Thread(target=loader) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(isinstance(answer, list) for answer in answers) == 1
    assert query(path, "select count(*), count(distinct _offset) from raw.raw_events") == [(2000, 2000)]


def test_a_locked_warehouse_names_who_has_it(path: Path) -> None:
    with DuckDbWarehouse(path, clock()):
        pass
    with held_elsewhere(path) as holder:
        with pytest.raises(WarehouseLocked, match=f"in use by .*PID {holder.pid}"):
            DuckDbWarehouse(path, clock()).__enter__()
        holder.communicate()
    with DuckDbWarehouse(path, clock()) as warehouse:
        assert warehouse.loaded() == set()


def test_a_warehouse_with_other_columns_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw; create table raw.raw_events (event_id varchar)")
    with pytest.raises(WarehouseError, match="raw_events has other columns"):
        DuckDbWarehouse(path, clock()).__enter__()


def test_a_warehouse_whose_tables_can_not_be_made_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw; create view raw.raw_events as select 1 as event_id")
    with pytest.raises(WarehouseError, match=str(path)):
        DuckDbWarehouse(path, clock()).__enter__()


@pytest.mark.parametrize("contents", [b"", b"not a database" * 100])
def test_a_file_that_is_no_warehouse_is_refused(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "file").write_bytes(contents)
    with pytest.raises(WarehouseError, match="file") as caught:
        DuckDbWarehouse(tmp_path / "file", clock()).__enter__()
    assert "move it away" in caught.value.remedy
    with pytest.raises(WarehouseError):
        DuckDbWarehouse(tmp_path / "file" / "below", clock()).__enter__()


def test_a_folder_given_as_the_warehouse_has_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError) as caught:
        DuckDbWarehouse(tmp_path, clock()).__enter__()
    assert str(tmp_path) in str(caught.value)
    assert caught.value.remedy.startswith("Name a file in it")


def test_a_warehouse_that_may_not_be_written_has_its_remedy() -> None:
    """Nobody makes a file or a folder in /sys, root included, whether it is mounted for reading or not."""
    for path in (Path("/sys/warehouse.duckdb"), Path("/sys/below/warehouse.duckdb")):
        with pytest.raises(WarehouseError) as caught:
            DuckDbWarehouse(path, clock()).__enter__()
        read_only = "read-only" in str(caught.value).lower()
        assert caught.value.remedy.startswith("Mount it for writing" if read_only else "Give this user the right")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (os.strerror(errno.EROFS), "Mount it for writing"),
        (os.strerror(errno.EACCES), "Give this user the right"),
        (os.strerror(errno.EPERM), "Give this user the right"),
        (os.strerror(errno.EISDIR), "Name a file in it"),
        (os.strerror(errno.ENOSPC), "Make room"),
        ("exists, but it is not a valid DuckDB database file!", "Name another with --warehouse"),
        ("something else", "else"),
    ],
)
def test_the_systems_words_call_for_remedies(text: str, remedy: str) -> None:
    assert remedy_of(f"IO Error: Cannot open file: {text}", "else").startswith(remedy)
