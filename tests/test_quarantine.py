"""Quarantined records: counted, exported byte for byte, and decoded again so that each is recovered once."""

from __future__ import annotations

import base64
import itertools
import json
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from ingest.cli.selecting import instant
from ingest.decode import Decoder
from ingest.errors import SettingsError, StoreUnavailable, WarehouseError
from ingest.events import SCHEMA
from ingest.folder import FolderStore
from ingest.layout import RECOVERED_PREFIX, Kind, kind_of
from ingest.load import load
from ingest.quarantine import Selection, export, groups, origins
from ingest.records import Partition, Records
from ingest.recovery import Judge, Recovery, RecoverySummary, keys_with_quarantined
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures
from tests.killing import kills
from tests.quarantined import LARGE, REASONS, SMALL, VALUES, event, put
from tests.store.careless import Careless

if TYPE_CHECKING:
    from ingest.chain import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[1]
CLOCK = itertools.count()


def recovery(store: Store, limit: int = LARGE, *, apply: bool = True, **selection) -> Recovery:
    return Recovery(store, Judge(limit, "2", "s"), Selection(**selection), apply)


def recover(store: Store, path: Path, **changes) -> RecoverySummary:
    """As `ingest quarantine replay` does it, from the warehouse."""
    job = recovery(store, **changes)
    return job.run([one.key for one in origins(path, job.selection)], lambda outcome: None)


def load_once(store: Store, path: Path) -> None:
    summary = load(store, path, lambda: NOON + timedelta(seconds=next(CLOCK)), lambda line: None, threading.Event())
    assert summary.failed == 0


def recovered_in(store: Store) -> pl.DataFrame:
    frames = [pl.read_parquet(store.read(entry.key)) for entry in store.list(RECOVERED_PREFIX)]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *frames])


def query(path: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "objects")


# --- list ---------------------------------------------------------------------------------------------


def test_groups_count_by_error_and_partition(folder: FolderStore, path: Path):
    put(folder)
    put(folder, 10, at=NOON + timedelta(hours=1))
    put(folder, partition=3)
    load_once(folder, path)
    found = groups(path, Selection(), by_partition=True)
    assert {(one.error, one.partition): one.quarantined for one in found} == {
        (error, partition): count * (2 if partition == 0 else 1)
        for error, count in REASONS.items()
        for partition in (0, 3)
    }
    assert [one.quarantined for one in found] == sorted((one.quarantined for one in found), reverse=True)
    empty = next(one for one in found if (one.error, one.partition) == ("empty", 0))
    assert empty == ("empty", "t", "id", 0, 4, 0, NOON, NOON + timedelta(hours=1))


def test_groups_count_by_error_and_topic(folder: FolderStore, path: Path):
    put(folder)
    put(folder, 10, at=NOON + timedelta(hours=1))
    put(folder, partition=3)
    put(folder, topic="u", values=[b"{"])
    load_once(folder, path)
    found = groups(path, Selection())
    assert {(one.error, one.topic): one.quarantined for one in found} == {
        **{(error, "t"): 3 * count for error, count in REASONS.items()},
        ("not_json", "u"): 1,
    }
    assert found[0] == ("empty", "t", None, None, 6, 0, NOON, NOON + timedelta(hours=1))
    assert found[-1].topic == "u"


SELECTIONS = {
    "all": ({}, 18),
    "reason with any field": ({"reason": "missing"}, 2),
    "reason and field": ({"reason": "missing:event_type"}, 2),
    "another field": ({"reason": "missing:event_id"}, 0),
    "reason alone": ({"reason": "empty"}, 4),
    "no prefix of a reason": ({"reason": "not_json", "partition": 1}, 0),
    "topic": ({"topic": "u"}, 1),
    "partition": ({"partition": 3}, 1),
    "since": ({"since": NOON + timedelta(hours=1)}, 9),
    "until, excluded": ({"until": NOON + timedelta(hours=1)}, 9),
    "another zone": ({"since": datetime.fromisoformat("2026-01-01T14:00+01:00")}, 9),
}


@pytest.mark.parametrize(("selection", "count"), SELECTIONS.values(), ids=SELECTIONS)
def test_a_selection_means_the_same_in_the_warehouse_and_in_objects(
    selection: dict, count: int, folder: FolderStore, path: Path
):
    keys = [put(folder), put(folder, 10, at=NOON + timedelta(hours=1))]
    keys += [put(folder, values=[b"{"], topic="u", partition=3, at=NOON + timedelta(hours=2))]
    load_once(folder, path)
    chosen = Selection(**selection)
    rows = pl.concat(pl.read_parquet(folder.read(key)) for key in keys)
    among = chosen.among(rows).select("_topic", "_partition", "_offset").rows()
    exported = [json.loads(line) for line in export(path, chosen)]
    assert sorted((one["topic"], one["partition"], one["offset"]) for one in exported) == sorted(among)
    assert sum(one.quarantined for one in groups(path, chosen)) == len(among)
    assert sum(one.records for one in origins(path, chosen)) == len(among)


def test_no_such_reason():
    with pytest.raises(SettingsError, match="not_jsn") as raised:
        Selection(reason="not_jsn")
    assert "not_json" in raised.value.remedy


@pytest.mark.parametrize(("text", "means"), [("2026-01-01", NOON.replace(hour=0)), ("2026-01-01T13:00+01:00", NOON)])
def test_times_are_utc_unless_they_say_otherwise(text: str, means: datetime):
    assert instant("--since", text) == means
    with pytest.raises(SettingsError, match="--since"):
        instant("--since", "yesterday")


def test_a_warehouse_that_is_not_there(tmp_path: Path, path: Path):
    with pytest.raises(WarehouseError, match="there is no warehouse"):
        groups(tmp_path / "none", Selection())
    duckdb.connect(str(path)).close()
    with pytest.raises(WarehouseError, match=r"has no raw\.raw_events"):
        groups(path, Selection())


# --- export -------------------------------------------------------------------------------------------


def bytes_of(line: dict) -> bytes | None:
    if "raw_base64" in line:
        return base64.b64decode(line["raw_base64"])
    return None if line["raw"] is None else line["raw"].encode()


def test_an_export_gives_back_the_bytes(folder: FolderStore, path: Path):
    everything = [b"\xff" + bytes(range(256)), '{"é": "\U0001f393'.encode(), b'"\\ud800"', b"\x00", b"{\n}\r\n,"]
    values = [*VALUES, *everything]
    key = put(folder, 40, values, partition=2)
    load_once(folder, path)
    lines = [json.loads(line) for line in export(path, Selection())]
    bad = [offset for offset, value in enumerate(values, 40) if value not in (event(0), event(8))]
    assert [line["offset"] for line in lines] == bad
    assert [bytes_of(line) for line in lines] == [values[offset - 40] for offset in bad]
    assert lines[0] == {
        "topic": "t",
        "topic_id": "id",
        "partition": 2,
        "offset": 41,
        "kafka_timestamp": "1970-01-01T00:00:41+00:00",
        "ingested_at": "2026-01-01T12:00:00+00:00",
        "error": "too_large",
        "raw": event(1, SMALL).decode(),
        "object": key,
    }


def test_an_export_comes_in_pages_and_ends_at_the_limit(
    folder: FolderStore, path: Path, monkeypatch: pytest.MonkeyPatch
):
    for start in range(0, 100, 10):
        put(folder, start)
    load_once(folder, path)
    whole = list(export(path, Selection()))
    assert len(whole) == 80
    monkeypatch.setattr("ingest.quarantine._PAGE_ROWS", 17)
    assert list(export(path, Selection())) == whole
    for limit in (1, 16, 17, 80, 81):
        assert list(export(path, Selection(), limit)) == whole[:limit]
    monkeypatch.setattr("ingest.quarantine._PAGE_BYTES", 1)
    assert list(export(path, Selection())) == whole


# --- replay -------------------------------------------------------------------------------------------


def test_what_is_valid_now_is_recovered_once(store: Store, path: Path):
    put(store)
    put(store, 10, partition=5)
    load_once(store, path)
    first = recover(store, path)
    still = {error: 2 * count for error, count in REASONS.items() if error != "too_large"}
    assert (first.recovered, first.still_quarantined, first.objects_put) == (2, still, 2)
    again = recover(store, path)
    assert (again.recovered, again.recovered_before, again.objects_put) == (0, 2, 0)
    load_once(store, path)
    last = recover(store, path)
    assert (last.recovered, last.recovered_before, last.objects_put) == (0, 2, 0)
    assert last.still_quarantined == still
    assert query(path, "select count(*) from raw.raw_events where event_id = 'e1' and _error is null") == [(2,)]
    found = {
        (one.error, one.partition): (one.quarantined, one.recovered)
        for one in groups(path, Selection(), by_partition=True)
    }
    assert found["too_large", 0] == found["too_large", 5] == (0, 1)
    assert found["empty", 0] == (2, 0)


def test_a_recovered_row_is_what_the_consumer_would_have_stored(folder: FolderStore, path: Path):
    key = put(folder)
    load_once(folder, path)
    recover(folder, path)
    (entry,) = folder.list(RECOVERED_PREFIX)
    assert entry.key == f"_recovered/{key[:-8]}-0000.parquet"
    assert kind_of(entry.key) is Kind.RECOVERED
    stored = pl.read_parquet(folder.read(key)).row(1, named=True)
    (row,) = recovered_in(folder).rows(named=True)
    whole = Decoder(Partition("t", 0), "id", LARGE)(Records([1], [1000], [VALUES[1]], 1), NOON).row(0, named=True)
    assert row == whole
    coordinates = ("_topic", "_topic_id", "_partition", "_offset", "_kafka_timestamp", "_ingested_at")
    assert all(row[name] == stored[name] for name in coordinates)
    said = folder.metadata(entry.key)
    assert said is not None
    assert said["recovered-from"] == "0"
    assert (said["first-offset"], said["last-offset"], said["records"], said["settings"]) == ("1", "1", "1", "s")


def test_a_later_fix_recovers_what_is_left_and_nothing_twice(folder: FolderStore, path: Path):
    put(folder, values=[event(number, SMALL * (number + 1)) for number in range(9)])
    load_once(folder, path)
    assert recover(folder, path, limit=SMALL * 4).recovered == 3
    assert recover(folder, path, limit=LARGE, reason="not_json").recovered == 0
    summary = recover(folder, path)
    assert (summary.recovered_before, summary.recovered) == (3, 6)
    assert [entry.key[-12:-8] for entry in folder.list(RECOVERED_PREFIX)] == ["0000", "0001"]
    assert recovered_in(folder)["_offset"].to_list() == list(range(9))


def test_a_rehearsal_puts_nothing(folder: FolderStore, path: Path):
    put(folder)
    load_once(folder, path)
    assert recover(folder, path, apply=False).recovered == 1
    assert recovered_in(folder).is_empty()


def test_objects_alone_do_without_a_warehouse(store: Store):
    keys = [put(store), put(store, 10), put(store, 20, partition=1), put(store, topic="other")]
    put(store, 30, [event(30)])
    assert sorted(keys_with_quarantined(store, Selection())) == sorted(keys)
    assert list(keys_with_quarantined(store, Selection(topic="t", partition=1))) == [keys[2]]
    job = recovery(store)
    for expected in (4, 0):
        assert job.run(keys_with_quarantined(store, Selection()), lambda outcome: None).recovered == expected


def test_a_hole_among_recovered_objects_does_not_matter(path: Path):
    store = Careless()
    put(store, values=[event(number, SMALL * (number + 1)) for number in range(3)])
    load_once(store, path)
    for limit in (SMALL * 2, SMALL * 3):
        recover(store, path, limit=limit)
    del store.held[next(store.list(RECOVERED_PREFIX)).key]
    assert recover(store, path).recovered == 2
    assert [entry.key[-12:-8] for entry in store.list(RECOVERED_PREFIX)] == ["0001", "0002"]


def test_objects_that_can_not_be_read_fail_alone(path: Path):
    store = Careless()
    keys = [put(store, start) for start in (0, 10, 20, 30)]
    load_once(store, path)
    store.held.pop(keys[0])
    body, held = store.held[keys[1]]
    store.held[keys[1]] = (body[:50] + bytes([body[50] ^ 4]) + body[51:], held)
    store.held[f"_recovered/{keys[2][:-8]}-0000.parquet"] = (b"bad", {})
    outcomes = []
    job = recovery(store)
    summary = job.run([*keys, "notes"], outcomes.append)
    assert (summary.recovered, summary.failed) == (1, 4)
    problems = [outcome.problem or "" for outcome in outcomes]
    assert [
        text in problem for text, problem in zip(("no object", "checksum", "_recovered/"), problems, strict=False)
    ]
    assert problems[3] == ""
    assert "no object of a chain" in problems[4]


def test_a_store_that_is_away_ends_the_run_and_the_next_one_goes_on(path: Path):
    class Failing(Careless):
        left = 3

        def put_if_absent(self, key, body, metadata):
            if kind_of(key) is Kind.RECOVERED:
                self.left -= 1
                if self.left < 0:
                    raise StoreUnavailable("away")
            return super().put_if_absent(key, body, metadata)

    store = Failing()
    for start in range(0, 100, 10):
        put(store, start)
    load_once(store, path)
    with pytest.raises(StoreUnavailable):
        recover(store, path)
    store.left = 100
    assert recover(store, path).recovered + 3 == 10
    assert sorted(recovered_in(store)["_offset"]) == list(range(1, 100, 10))


def test_many_at_once_with_different_limits_recover_each_record_once(store: Store):
    keys = [put(store, start, [event(start + n, SMALL * (n + 1)) for n in range(9)]) for start in range(0, 90, 9)]
    summaries: list[int] = []

    def one(limit: int) -> None:
        summaries.append(recovery(store, limit).run(keys, lambda outcome: None).recovered)

    threads = [threading.Thread(target=one, args=(SMALL * limit,)) for limit in (4, 6, 8, 100, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(summaries) == 90
    assert sorted(recovered_in(store)["_offset"]) == list(range(90))


KILLED = """
import sys
from pathlib import Path
from ingest.folder import FolderStore
from ingest.quarantine import Selection
from ingest.recovery import Judge, Recovery, keys_with_quarantined
store = FolderStore(Path(sys.argv[1]))
print("ready", flush=True)
keys = keys_with_quarantined(store, Selection())
Recovery(store, Judge(1 << 20, "2", ""), Selection()).run(keys, lambda outcome: None)
"""


def test_sigkill_at_any_moment_recovers_nothing_twice(folder: FolderStore, tmp_path: Path):
    for start in range(0, 3000, 10):
        put(folder, start)
    for number in kills(8, lambda: recovered_in(folder).height):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "objects")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.1 + 0.04 * number)
            process.kill()
    before = recovered_in(folder).height
    assert before
    left = recovery(folder).run(keys_with_quarantined(folder, Selection()), lambda outcome: None)
    assert left.recovered == 300 - before
    assert sorted(recovered_in(folder)["_offset"]) == list(range(1, 3000, 10))


# --- the commands -------------------------------------------------------------------------------------


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ingest", "quarantine", *words], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_the_commands_as_people_use_them(folder: FolderStore, path: Path, tmp_path: Path):
    put(folder)
    load_once(folder, path)
    where = ("--warehouse", str(path), "--output", "json")
    listed = json.loads(command("list", "--limit", "2", *where).stdout)
    assert (listed["quarantined"], listed["recovered"], listed["groups_left_out"]) == (8, 0, 5)
    assert listed["groups"][0]["error"] == "empty"
    shown = command("list", "--warehouse", str(path)).stdout.splitlines()
    assert shown[0].split() == ["quarantined", "8"]
    assert shown[2].split()[:2] == ["error", "topic"]
    assert len(shown) == 3 + 7
    assert "partition" not in shown[2]
    assert "partition" in command("list", "--by", "partition", "--warehouse", str(path)).stdout.splitlines()[2]

    file = tmp_path / "bad.ndjson"
    done = command("export", str(file), *where)
    assert json.loads(done.stdout) == {"records": 8, "file": str(file)}
    assert "personal data" in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == command("export", "--warehouse", str(path)).stdout
    again = command("export", str(file), *where)
    assert again.returncode == 2
    assert "next:" in again.stderr

    objects = ("--store", str(tmp_path / "objects"))
    small, whole = ("--max-record-bytes", str(SMALL)), ("--max-record-bytes", str(LARGE))
    for words, recovered in (((*small,), 0), ((*whole, "--dry-run"), 1), ((*whole,), 1), ((*whole,), 0)):
        done = command("replay", *objects, *where, *words)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["recovered"] == recovered
    assert json.loads(command("replay", *objects, "--from-objects", *where).stdout)["recovered_before"] == 1
    told = command("replay", *objects, "--warehouse", str(path), *whole, "--dry-run").stdout.splitlines()
    first = next(number for number, line in enumerate(told) if line.startswith("still quarantined"))
    assert [line[23:] for line in told[first : first + 6]] == [
        "empty 2",
        *(f"{reason} 1" for reason in sorted(REASONS) if reason not in ("empty", "too_large")),
    ]
    (tmp_path / "objects/t/id/partition=00000/00000000000000000000.parquet").unlink()
    done = command("replay", *objects, *where)
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (1, 1)
    assert "object_not_recovered" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "names"),
    [
        (("list", "--reason", "bad"), 2, "not_json"),
        (("list", "--since", "soon"), 2, "--since"),
        (("list", "--warehouse", "no-such"), 3, "ingest load"),
        (("replay", "--warehouse", "no-such"), 3, "ingest load"),
        (("export", "no/such/folder/file", "--warehouse", "no-such"), 2, "no/such/folder/file"),
    ],
)
def test_mistakes_are_named(words: tuple[str, ...], code: int, names: str):
    done = command(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert names in done.stderr
    assert "next:" in done.stderr
    assert "Traceback" not in done.stderr
