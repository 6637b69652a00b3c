"""A range again, out of the objects: into another store as a piece of the chain, into a table exactly."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from ingest.errors import ChainError, InputError, SettingsError, StoreUnavailable, WarehouseError
from ingest.excerpt import Bounds, chains_in, excerpt
from ingest.folder import FolderStore
from ingest.layout import Slot
from ingest.load import load
from ingest.objects import ChainId, Encoder, ObjectMetadata, check_body
from ingest.quarantine import Selection
from ingest.recovery import Judge, Recovery, mended
from ingest.replay import ReplaySummary, ToStore, ToTable, check_apart, replay
from ingest.store import open_store
from ingest.tables import check_table
from ingest.warehouse import DuckDbWarehouse
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures
from tests.killing import kills
from tests.quarantined import LARGE, NOON, SMALL, VALUES, event, put
from tests.services.s3 import CREDENTIALS
from tests.store.careless import Careless

if TYPE_CHECKING:
    from ingest.chain import Store
    from tests.services.s3 import S3Server

ROOT = Path(__file__).parents[1]
GOOD = [event(number) for number in range(10)]
DAY = timedelta(days=1)


def judge(limit: int = LARGE) -> Judge:
    return Judge(limit, "2", f"max-record-bytes={limit}")


def parts_of(store: Store, bounds: Bounds = Bounds()):  # noqa: B008 - frozen
    return [part for entries in chains_in(store, "t").values() for part in excerpt(store, entries, bounds)]


def to_store(source: Store, target: Store, bounds: Bounds = Bounds(), limit: int = LARGE) -> ReplaySummary:  # noqa: B008
    job = ToStore(source, target, judge(limit), Encoder("2", "again"))
    return replay(parts_of(source, bounds), job, lambda result: None)


def to_table(source: Store, path: Path, bounds: Bounds = Bounds(), limit: int = LARGE, table: str = "raw.again"):  # noqa: B008
    with DuckDbWarehouse(path, lambda: NOON) as warehouse:
        return replay(
            parts_of(source, bounds), ToTable(source, warehouse, table, bounds, judge(limit)), lambda result: None
        )


def load_once(store: Store, path: Path) -> None:
    assert load(store, path, lambda: NOON, lambda line: None, threading.Event()).failed == 0


def query(path: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def fill(store: Store, objects: int = 6, values=VALUES) -> list[str]:
    """Two partitions of a chain, an object a day."""
    return [
        put(store, 10 * number, values, partition, NOON + DAY * number)
        for partition in (0, 1)
        for number in range(objects)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def source(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "source")


# --- rows as they are known today ---------------------------------------------------------------------


def test_rows_are_mended_in_place(source: FolderStore):
    values = [event(number, SMALL * number) for number in range(6)]
    rows = pl.read_parquet(source.read(put(source, values=values)))
    slot = Slot(ChainId("t", "id", 0), 0)
    assert rows["_error"].null_count() == 1
    assert mended(source, slot, rows, judge(SMALL)).equals(rows)
    better = mended(source, slot, rows, judge(SMALL * 4))
    assert better["_error"].null_count() == 4
    assert better["_offset"].to_list() == list(range(6))
    assert better.filter(pl.col("_error").is_not_null()).equals(rows.tail(2))
    Recovery(source, judge(SMALL * 6), Selection()).run([slot.chain.key(0)], lambda outcome: None)
    known = mended(source, slot, rows, judge(SMALL))
    assert known["event_id"].to_list()[:5] == [f"e{number}" for number in range(5)], "what was recovered stays so"


# --- into another store -------------------------------------------------------------------------------


def test_whole_objects_that_need_no_mending_arrive_byte_for_byte(store: Store, tmp_path: Path):
    target = FolderStore(tmp_path / "target")
    keys = fill(store, 3, GOOD)
    size = sum(entry.size for entry in store.list())
    assert to_store(store, target) == ReplaySummary(objects=6, records=60, bytes=size)
    assert [entry.key for entry in target.list()] == sorted(keys)
    for key in keys:
        assert target.read(key) == store.read(key)
        assert target.metadata(key) == store.metadata(key)


def test_from_a_folder_to_a_bucket(source: FolderStore, store: Store):
    keys = fill(source)
    summary = to_store(source, store)
    assert (summary.objects, summary.records, summary.mended) == (12, 120, 12)
    assert [entry.key for entry in store.list()] == sorted(keys)
    assert to_store(source, store) == ReplaySummary(present=12)


def test_what_can_be_mended_is_mended_and_says_so(source: FolderStore, tmp_path: Path, path: Path):
    target = FolderStore(tmp_path / "target")
    key = put(source)
    to_store(source, target)
    body, text = target.read(key), target.metadata(key)
    check_body(body)
    before, after = (ObjectMetadata.from_text(key, one.metadata(key) or {}) for one in (source, target))
    assert (after.chain, after.range, after.records, after.first_offset) == (
        before.chain,
        before.range,
        before.records,
        before.first_offset,
    )
    assert (after.quarantined, after.version, after.nonce) == (before.quarantined - 1, "2", "again")
    assert text is not None
    assert text["settings"] == f"max-record-bytes={LARGE}"
    load_once(target, path)
    assert query(path, "select count(*), count(_error) from raw.raw_events") == [(10, 7)]
    assert to_store(source, target, limit=SMALL) == ReplaySummary(present=1), "an object is never written again"


def test_a_range_brings_the_whole_objects_that_it_touches(source: FolderStore, tmp_path: Path):
    fill(source, 6, GOOD)
    target = FolderStore(tmp_path / "target")
    bounds = Bounds(since=NOON + DAY, until=NOON + 3 * DAY)
    assert to_store(source, target, bounds).objects == 4
    assert {int(entry.key[-28:-8]) for entry in target.list()} == {10, 20}
    chain0 = excerpt(source, chains_in(source, "t")[ChainId("t", "id", 0)], Bounds(start=25, stop=41))
    replay(chain0, ToStore(source, target, judge(), Encoder("2", "again")), lambda result: None)
    assert sorted(int(entry.key[-28:-8]) for entry in target.list("t/id/partition=00000")) == [10, 20, 30, 40]


def test_a_target_with_another_chain_is_refused(source: FolderStore, tmp_path: Path):
    target = FolderStore(tmp_path / "target")
    put(source, 0, GOOD)
    put(target, 0, GOOD[:5])
    with pytest.raises(ChainError, match=r"covers \[0, 5\) and not \[0, 10\)"):
        to_store(source, target)


def test_a_damaged_object_ends_the_replay(tmp_path: Path):
    source = Careless()
    key = put(source)
    parts = parts_of(source)
    body, held = source.held[key]
    source.held[key] = (body[:80] + bytes([body[80] ^ 1]) + body[81:], held)
    with pytest.raises(InputError, match=f"{key}: .*checksum"):
        replay(parts, ToStore(source, Careless(), judge(), Encoder("2", "n")), lambda result: None)


def test_a_store_that_is_away_ends_the_replay_and_the_next_one_goes_on(source: FolderStore):
    class Failing(Careless):
        left = 5

        def put_if_absent(self, key, body, metadata):
            self.left -= 1
            if self.left < 0:
                raise StoreUnavailable("away")
            return super().put_if_absent(key, body, metadata)

    keys, target = fill(source), Failing()
    with pytest.raises(StoreUnavailable):
        to_store(source, target)
    target.left = 100
    assert to_store(source, target).present == 5
    assert sorted(target.held) == sorted(keys)


@pytest.mark.parametrize(
    ("source", "target", "apart"),
    [
        ("s3://b/events", "s3://b/events", False),
        ("s3://b/events", "s3://b/events/again", False),
        ("s3://b/events/", "s3://b", False),
        ("/data/objects", "/data", False),
        ("s3://b/events", "s3://b/events-again", True),
        ("s3://b/events", "s3://c/events", True),
        ("/data/objects", "/data/objects2", True),
    ],
)
def test_source_and_target_must_be_apart(source: str, target: str, apart: bool):
    if apart:
        check_apart(source, target)
        return
    with pytest.raises(SettingsError, match="not apart"):
        check_apart(source, target)


# --- into a table -------------------------------------------------------------------------------------


def test_a_table_gets_exactly_the_range_once(store: Store, path: Path):
    fill(store, 6, GOOD)
    bounds = Bounds(since=NOON + DAY, until=NOON + 3 * DAY)
    first = to_table(store, path, bounds)
    assert (first.objects, first.records, first.present) == (4, 40, 0)
    assert to_table(store, path, bounds) == ReplaySummary(present=4)
    counted = query(
        path, "select _partition, min(_offset), max(_offset), count(*) from raw.again group by 1 order by 1"
    )
    assert sorted(counted) == [(0, 10, 29, 20), (1, 10, 29, 20)]
    wider = to_table(store, path, Bounds(until=NOON + 4 * DAY))
    assert (wider.objects, wider.records, wider.present) == (4, 40, 4)
    assert query(path, "select count(*), count(distinct (_partition, _offset)) from raw.again") == [(80, 80)]


def test_a_table_gets_parts_of_objects(source: FolderStore, path: Path):
    keys = [put(source, 10 * number, GOOD) for number in range(3)]
    assert to_table(source, path, Bounds(start=7, stop=12)).records == 5
    rows = query(path, "select _offset, _file, _file_row, _loaded_at from raw.again order by 1")
    at = NOON.replace(tzinfo=None)
    assert rows == [
        *((offset, keys[0], offset + 1, at) for offset in (7, 8, 9)),
        *((offset, keys[1], offset - 9, at) for offset in (10, 11)),
    ]
    assert to_table(source, path, Bounds(start=5, stop=9)).records == 2
    assert query(path, "select count(*), min(_offset) from raw.again") == [(7, 5)]


def test_a_table_gets_the_rows_as_they_are_known_today(source: FolderStore, path: Path):
    put(source)
    load_once(source, path)
    assert to_table(source, path).mended == 1
    compared = query(path, "select _offset from raw.again where event_id is not null order by 1")
    assert compared == [(0,), (1,), (8,)]
    columns = "* exclude (_loaded_at)"
    same = f"select count(*) from (select {columns} from raw.again intersect select {columns} from raw.raw_events)"  # noqa: S608
    assert query(path, same) == [(9,)]
    assert query(path, "select count(*) from raw.raw_events") == [(10,)]


def test_a_table_of_its_own_schema(source: FolderStore, path: Path):
    put(source)
    to_table(source, path, table="trial_1.events")
    assert query(path, "select count(*) from trial_1.events") == [(10,)]


@pytest.mark.parametrize(
    "name", ["again", "raw.raw_events", "raw.load_history", "raw.job_runs", "a.b; drop", "A.b", ""]
)
def test_tables_that_are_not_for_that(name: str):
    with pytest.raises(SettingsError, match="no table for that"):
        check_table(name)


def test_a_table_with_other_columns_is_refused(source: FolderStore, path: Path):
    put(source)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema mine; create table mine.events (event_id varchar)")
    with pytest.raises(WarehouseError, match=r"mine\.events has other columns"):
        to_table(source, path, table="mine.events")


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ingest.excerpt import Bounds, chains_in, excerpt
from ingest.folder import FolderStore
from ingest.objects import Encoder
from ingest.recovery import Judge
from ingest.replay import ToStore, ToTable, replay
from ingest.warehouse import DuckDbWarehouse
source = FolderStore(Path(sys.argv[1]))
parts = [part for entries in chains_in(source, "t").values() for part in excerpt(source, entries, Bounds())]
judge = Judge(1 << 20, "2", "max-record-bytes=1")
print("ready", flush=True)
replay(parts, ToStore(source, FolderStore(Path(sys.argv[2])), judge, Encoder("2", "n")), lambda result: None)
with DuckDbWarehouse(Path(sys.argv[3]), lambda: datetime.now(UTC)) as warehouse:
    replay(parts, ToTable(source, warehouse, "raw.again", Bounds(), judge), lambda result: None)
"""


def test_sigkill_at_any_moment_brings_nothing_twice(source: FolderStore, tmp_path: Path, path: Path):
    keys = fill(source, 100)
    target = FolderStore(tmp_path / "target")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "source"), str(tmp_path / "target"), str(path)]
    for number in kills(8, lambda: any(target.list())):
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.15 * number)
            process.kill()
    assert to_store(source, target).present, "nothing was stored before the kills"
    to_table(source, path)
    assert [entry.key for entry in target.list()] == sorted(keys)
    for key in keys:
        check_body(target.read(key))
    assert query(path, "select count(*), count(distinct (_partition, _offset)) from raw.again") == [(2000, 2000)]


# --- the command --------------------------------------------------------------------------------------


def command(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ingest", "replay", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **CREDENTIALS, **env},
    )


def test_the_command_as_people_use_it(source: FolderStore, tmp_path: Path, path: Path):
    fill(source)
    stores = ("--store", str(tmp_path / "source"), "--topic", "t")
    day = ("--since", "2026-01-02", "--until", "2026-01-04", "--output", "json")
    target = tmp_path / "target"
    rehearsed = command(*stores, *day, "--to", str(target))
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "--apply" in rehearsed.stderr
    planned = json.loads(rehearsed.stdout)
    assert (planned["objects"], planned["records"], planned["present"], planned["applied"]) == (4, 40, 0, False)
    assert planned["covering"] == ["t[0] (id) [10, 30)", "t[1] (id) [10, 30)"]
    assert not target.exists()
    for brought, present in ((4, 0), (0, 4)):
        done = json.loads(command(*stores, *day, "--to", str(target), "--apply").stdout)
        assert (done["brought_objects"], done["present"], done["applied"]) == (brought, present, True)
    into = ("--to-table", "raw.replayed", "--warehouse", str(path))
    offsets = ("--partition", "1", "--from-offset", "15", "--to-offset", "25", "--output", "json")
    planned = json.loads(command(*stores, *offsets, *into).stdout)
    assert (planned["objects"], planned["records"], planned["applied"]) == (2, 10, False)
    assert not path.exists()
    done = json.loads(command(*stores, *offsets, *into, "--apply", "--max-record-bytes", str(LARGE)).stdout)
    assert (done["brought_records"], done["brought_mended"]) == (10, 1)
    assert query(path, "select count(*), min(_partition) from raw.replayed") == [(10, 1)]
    shown = command(*stores, *offsets[:-2], *into).stdout
    assert shown.splitlines()[0].split() == ["objects", "2"]


def test_a_range_beyond_the_chain_says_where_it_ends(source: FolderStore, tmp_path: Path):
    fill(source, 2)
    words = (
        "--store",
        str(tmp_path / "source"),
        "--topic",
        "t",
        "--to",
        str(tmp_path / "target"),
        "--output",
        "json",
    )
    done = command(*words, "--partition", "0", "--from-offset", "500")
    assert (done.returncode, json.loads(done.stdout)["records"]) == (0, 0), done.stderr
    assert "no records there: the chain ends at 20, last read at 2026-01-02 12:00:00 UTC: t[0] (id)" in done.stderr
    done = command(*words, "--since", "2026-02-01")
    assert json.loads(done.stdout)["objects"] == 0
    assert [f"t[{partition}] (id)" in done.stderr for partition in (0, 1)] == [True, True]
    assert "the chain ends" not in command(*words, "--partition", "0", "--from-offset", "19").stderr


def test_the_command_from_a_bucket(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    s3.create_bucket("replayed")
    store = open_store("s3://replayed/events", endpoint_url=s3.url)
    fill(store, 2)
    words = ("--store", "s3://replayed/events", "--topic", "t", "--output", "json", "--apply")
    done = command(*words, "--to", "s3://replayed/again", S3_ENDPOINT_URL=s3.url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["brought_records"] == 40
    assert sum(1 for _ in open_store("s3://replayed/again", endpoint_url=s3.url).list("t/")) == 4
    for same in ("s3://replayed/events", "s3://replayed/events/", "s3://replayed/events/again"):
        assert command(*words, "--to", same, S3_ENDPOINT_URL=s3.url).returncode == 2


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), "--to-table"),
        (("--to", "x", "--to-table", "raw.x"), "--to-table"),
        (("--to", "x", "--topic", "none"), "no such chain"),
        (("--to", "x", "--partition", "7"), "t[0] (id), t[1] (id)"),
        (("--to", "x", "--from-offset", "3"), "--partition"),
        (("--to", "x", "--since", "soon"), "--since"),
        (("--to", "x", "--since", "2026-01-02", "--until", "2026-01-01"), "empty"),
        (("--to-table", "raw.raw_events"), "raw.raw_events"),
        (("--to", "SOURCE"), "not apart"),
        (("--to", "SOURCE/more"), "not apart"),
    ],
)
def test_mistakes_are_named(words: tuple[str, ...], names: str, source: FolderStore, tmp_path: Path):
    fill(source, 1)
    words = tuple(word.replace("SOURCE", str(tmp_path / "source")) for word in words)
    topic = () if "--topic" in words else ("--topic", "t")
    done = command("--store", str(tmp_path / "source"), *topic, *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert names in done.stderr
    assert "next:" in done.stderr
    assert "Traceback" not in done.stderr
