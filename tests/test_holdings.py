"""What is read of a warehouse: rows counted exactly, by chunks of offsets, whatever is wrong with them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingest import holdings
from ingest.errors import WarehouseError, WarehouseLocked
from ingest.folder import FolderStore
from ingest.holdings import Rows, read_history, read_holdings
from ingest.load import load
from ingest.objects import ChainId
from tests.locking import held_elsewhere
from tests.store.objects import AT, TOPIC, TOPIC_ID, chain_object, key

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A warehouse with three objects of 10 rows in partition 0, and one in partition 1."""
    store = FolderStore(tmp_path / "store")
    for start, partition in ((0, 0), (10, 0), (20, 0), (0, 1)):
        store.put_if_absent(*chain_object(start, 10, partition))
    load(store, tmp_path / "warehouse.duckdb", lambda: NOON, lambda line: None, threading.Event())
    return tmp_path / "warehouse.duckdb"


def change(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(partition: int, count: int, distinct: int, first: int, last: int) -> Rows:
    return Rows(ChainId(TOPIC, TOPIC_ID, partition), count, distinct, first, last, 0, AT)


def test_history_and_rows_of_each_object(path: Path) -> None:
    found = read_holdings(path)
    keys = [key(0), key(10), key(20), key(0, 1)]
    assert list(found.history) == keys
    assert {line.completed_at for line in found.history.values()} == {NOON}
    assert found.rows == {
        key(0): [rows(0, 10, 10, 0, 9)],
        key(10): [rows(0, 10, 10, 10, 19)],
        key(20): [rows(0, 10, 10, 20, 29)],
        key(0, 1): [rows(1, 10, 10, 0, 9)],
    }
    assert read_history(path) == found.history


@pytest.mark.parametrize("chunk", [1, 10, 15, 1_000_000])
def test_counts_do_not_depend_on_the_size_of_a_chunk(path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubled, missing and astray rows, objects whose rows overlap: the same figures from every cut."""
    monkeypatch.setattr(holdings, "_CHUNK", chunk)
    change(
        path,
        "insert into raw.raw_events from raw.raw_events where _offset = 13",
        "delete from raw.raw_events where _offset = 25",
        "update raw.raw_events set _offset = 27 where _offset = 4 and _partition = 0",
        "update raw.raw_events set _partition = 1 where _offset = 12",
        "update raw.raw_events set _error = 'empty' where _offset = 22",
    )
    found = read_holdings(path).rows
    assert found[key(0)] == [rows(0, 10, 10, 0, 27)]
    assert found[key(10)] == [rows(0, 10, 9, 10, 19), rows(1, 1, 1, 12, 12)]
    (last,) = found[key(20)]
    assert (last.count, last.distinct, last.first, last.last, last.quarantined) == (9, 9, 20, 29, 1)


def test_what_is_no_warehouse_of_ours_is_told(tmp_path: Path) -> None:
    change(tmp_path / "empty.duckdb", "create table other (id integer)")
    with pytest.raises(WarehouseError, match=r"lacks raw\.raw_events"):
        read_holdings(tmp_path / "empty.duckdb")
    (tmp_path / "text").write_text("no database")
    with pytest.raises(WarehouseError, match="text"):
        read_history(tmp_path / "text")


def test_a_warehouse_that_is_being_written_says_who_has_it(path: Path) -> None:
    with held_elsewhere(path) as holder, pytest.raises(WarehouseLocked, match=str(holder.pid)):
        read_holdings(path)
