"""From both stores into DuckDB: every row exactly once, whoever is killed when."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest
from structlog.testing import capture_logs

from ingest import load as module
from ingest.errors import StoreUnavailable, WarehouseError, WarehouseLocked
from ingest.folder import FolderStore
from ingest.jobs import Counts, JobType, Run, object_of
from ingest.layout import recovered_key, slot_of
from ingest.load import LoadSummary, load
from ingest.objects import Compression, sealed_parquet
from ingest.probe import CANARY_KEY, probe
from ingest.store import open_store
from ingest.tables import History
from ingest.warehouse import DuckDbWarehouse
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures
from tests.locking import held_elsewhere
from tests.services.s3 import CREDENTIALS
from tests.store.careless import Careless
from tests.store.objects import chain_object, frame, key, metadata, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.chain import Store
    from tests.services.s3 import S3Server

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[1]


def fill(store: Store, *starts: int, rows: int = 10, partition: int = 0) -> None:
    for start in starts:
        assert store.put_if_absent(*chain_object(start, rows, partition))


def load_once(store: Store, path: Path) -> LoadSummary:
    return load(store, path, lambda: NOON, lambda line: None, threading.Event())


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def counts(path: Path) -> tuple[object, ...]:
    """Rows, and different ones."""
    return query(path, "select count(*), count(distinct (_partition, _offset)) from raw.raw_events")[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def test_each_object_is_loaded_once(store: Store, path: Path) -> None:
    fill(store, 0, 10, 20)
    fill(store, 0, 10, partition=7)
    seen: list[str] = []

    def progress(line: object) -> None:
        assert isinstance(line, History)
        seen.append(line.file)

    size = sum(entry.size for entry in store.list())
    summary = load(store, path, lambda: NOON, progress, threading.Event())
    assert summary == LoadSummary(objects=5, rows=50, bytes=size)
    assert seen == [entry.key for entry in store.list()]
    assert load_once(store, path) == LoadSummary(skipped=5)
    fill(store, 30)
    assert load_once(store, path).objects == 1
    assert counts(path) == (60, 60)


def test_an_empty_store_makes_an_empty_warehouse(store: Store, path: Path) -> None:
    assert load_once(store, path) == LoadSummary()
    assert counts(path) == (0, 0)


def test_what_is_no_object_of_a_chain_is_ignored(store: Store, path: Path) -> None:
    probe(store)
    fill(store, 0)
    for other in (key(0) + ".tmp", "notes.parquet", key(5)[:-9] + "x.parquet", "more/" + key(0)):
        assert store.put_if_absent(other, plain({}), {})
    summary = load_once(store, path)
    assert (summary.objects, summary.ignored, summary.failed) == (1, 4, 0)


def test_foreign_keys_are_told_once_a_run(path: Path) -> None:
    store = Careless()
    store.put_if_absent(CANARY_KEY, b"", {})
    fill(store, 0)
    with capture_logs() as logs:
        follow(store, path, [], lambda: None)
    assert logs == []
    names = [key(0)[:-9] + name for name in ("copy of 1.parquet", "notes.txt", "old.txt", "older.txt")]
    for name in names:
        store.put_if_absent(name, b"", {})
    with capture_logs() as logs:
        assert follow(store, path, [], lambda: None, lambda: None).ignored == 4
    [line] = logs
    assert (line["event"], line["count"], line["first"]) == ("keys_ignored", 4, sorted(names)[:3])


def test_a_changed_byte_is_a_failed_load_and_never_a_wrong_row(tmp_path: Path) -> None:
    """Bit rot at any position of objects of every compression: none of their rows is loaded."""
    moments, store, changed = random.Random(20260101), Careless(), {}  # noqa: S311 - positions, not secrets
    compressions: list[Compression] = ["snappy", "zstd", "lz4", "gzip", "none"]
    for number in range(3000):
        start, compression = 50 * number, compressions[number % 5]
        body, held = sealed_parquet(frame(start, 50), metadata(start, 50), compression)
        at = moments.randrange(len(body))
        changed[key(start)] = bytes([*body[:at], body[at] ^ 1 << moments.randrange(8), *body[at + 1 :]])
        store.put_if_absent(key(start), changed[key(start)], held)
    fill(store, 0, partition=1)
    summary = load_once(store, tmp_path / "w")
    assert (summary.objects, summary.failed) == (1, 3000)
    assert counts(tmp_path / "w") == (10, 10)
    errors = query(tmp_path / "w", "select distinct error from raw.load_history where status = 'failed'")
    assert errors
    assert all("checksum" in str(error) for (error,) in errors)


def test_a_bad_object_is_recorded_and_tried_again_by_the_next_run(store: Store, path: Path) -> None:
    fill(store, 0, 20)
    body, held = sealed_parquet(pl.DataFrame({"payload": [b""]}), metadata(10, 10))
    assert store.put_if_absent(key(10), body, held)
    for attempt in (1, 2):
        summary = load_once(store, path)
        assert summary.failed == 1
        (line,) = query(path, "select file, attempts, error from raw.load_history where status = 'failed'")
        assert line[:2] == (key(10), attempt)
        assert "lacks event_id" in str(line[2])
    assert counts(path) == (20, 20)


def test_an_object_at_another_key_than_its_own_is_a_failed_load(store: Store, path: Path) -> None:
    """Copies by hand, into a later slot, another partition and another topic: no record is doubled."""
    fill(store, 0, 10)
    _, body, held = chain_object(0, 10)
    copies = [key(70), key(0, partition=1), key(0).replace("events_raw/", "other/")]
    for copy in copies:
        assert store.put_if_absent(copy, body, held)
    summary = load_once(store, path)
    assert (summary.objects, summary.rows, summary.failed) == (2, 20, 3)
    assert counts(path) == (20, 20)
    errors = query(path, "select file, error from raw.load_history where status = 'failed' order by file")
    assert [file for file, _ in errors] == sorted(copies)
    assert all(f"belongs at {key(0)}" in str(error) for _, error in errors)


def test_a_recovered_object_at_another_slot_is_a_failed_load(store: Store, path: Path) -> None:
    said = metadata(0, 3) | {"recovered-from": "0"}
    body, held = sealed_parquet(frame(0, 3), said)
    right, wrong = (recovered_key(slot, 1) for slot in map(slot_of, (key(0), key(10))) if slot)
    for place in (right, wrong):
        assert store.put_if_absent(place, body, held)
    summary = load_once(store, path)
    assert (summary.objects, summary.failed) == (1, 1)
    assert query(path, "select file from raw.load_history where status = 'failed'") == [(wrong,)]
    assert counts(path) == (3, 3)


def test_a_job_record_at_another_key_is_a_failed_load(store: Store, path: Path) -> None:
    job = Run(JobType.INGEST, "1", NOON, "a1")
    right, body, held = object_of(job.running(NOON, Counts()))
    wrong = right.replace("-a1/", "-b2/")
    for place in (right, wrong):
        assert store.put_if_absent(place, body, held)
    summary = load_once(store, path)
    assert (summary.job_records, summary.failed) == (1, 1)
    assert query(path, "select job_id, _file from raw.job_runs") == [(job.job_id, right)]


def test_an_object_that_does_not_say_where_it_belongs_is_a_failed_load(store: Store, path: Path) -> None:
    said = metadata(0, 10)
    del said["topic-id"]
    assert store.put_if_absent(key(0), *sealed_parquet(frame(0, 10), said))
    assert load_once(store, path).failed == 1
    assert "topic-id" in str(query(path, "select error from raw.load_history"))


def test_groups_keep_both_bounds(monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    fill(store, *range(0, 100, 10))
    largest = max(entry.size for entry in store.list())
    monkeypatch.setattr(module, "_GROUP_OBJECTS", 3)
    assert [len(group) for group in module._groups(store.list())] == [3, 3, 3, 1]
    monkeypatch.setattr(module, "_GROUP_BYTES", 2 * largest)
    assert [len(group) for group in module._groups(store.list())] == [2] * 5
    monkeypatch.setattr(module, "_GROUP_BYTES", 1)
    assert [len(group) for group in module._groups(store.list())] == [1] * 10


def test_stop_ends_a_run_between_groups(monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_GROUP_OBJECTS", 2)
    store, stop = FolderStore(tmp_path / "store"), threading.Event()
    fill(store, *range(0, 100, 10))
    summary = load(store, path, lambda: NOON, lambda line: stop.set(), stop)
    assert summary.objects == 2
    assert counts(path) == (20, 20)
    assert load_once(store, path) == LoadSummary(8, 80, sum(e.size for e in store.list(after=key(10))), skipped=2)


class Vanishing(Careless):
    """Lists an object that is gone when it is read, as a lifecycle rule would have it."""

    def read(self, key: str) -> bytes:
        self.held.pop(chain_object(10, 10)[0], None)
        return super().read(key)


class Failing(Careless):
    failures = 2

    def read(self, key: str) -> bytes:
        self.failures -= 1
        if self.failures >= 0:
            raise StoreUnavailable("the store is away")
        return super().read(key)


def test_an_object_that_vanishes_fails_alone(path: Path) -> None:
    store = Vanishing()
    fill(store, 0, 10, 20)
    summary = load_once(store, path)
    assert (summary.objects, summary.failed) == (2, 1)


def test_a_store_that_is_away_ends_a_run_without_a_trace(path: Path) -> None:
    store = Failing()
    fill(store, 0)
    with pytest.raises(StoreUnavailable):
        load_once(store, path)
    assert query(path, "from raw.load_history") == []


class Script:
    """Does one step after each look of a following run, and stops it after the last."""

    def __init__(self, *steps: Callable[[], None]) -> None:
        self.steps = list(steps)

    def is_set(self) -> bool:
        return False

    def wait(self, interval: float) -> bool:
        assert interval == 5.0
        if not self.steps:
            return True
        self.steps.pop(0)()
        return False


def follow(store: Store, path: Path, seen: list[object], *steps: Callable[[], None]) -> LoadSummary:
    stop: threading.Event = Script(*steps)  # type: ignore[assignment]
    return load(store, path, lambda: NOON, seen.append, stop, every=5.0)


def test_following_loads_what_comes_and_leaves_the_warehouse_free(store: Store, path: Path) -> None:
    steps = [lambda start=start: fill(store, start) for start in (0, 10, 20)]
    checks = [lambda rows=rows: _check(counts(path) == (rows, rows)) for rows in (0, 10, 20)]
    both = [step for pair in zip(checks, steps, strict=True) for step in pair]
    summary = follow(store, path, [], *both)
    assert (summary.objects, summary.rows, summary.failed, summary.skipped) == (3, 30, 0, 0)


def _check(holds: bool) -> None:
    assert holds


def rewrite(store: Careless, rows: int = 15) -> None:
    """The object at slot 0 is deleted, and another one is written there."""
    store.put_if_absent(*chain_object(0, rows))


def test_an_object_that_is_rewritten_after_it_was_loaded_is_told(path: Path) -> None:
    store = Careless()
    fill(store, 0, 10)
    load_once(store, path)
    was = len(store.read(key(0)))
    rewrite(store)
    for _ in range(2):
        with capture_logs() as logs:
            assert load_once(store, path) == LoadSummary(skipped=1, changed=1)
        [line] = logs
        assert (line["event"], line["log_level"], line["key"]) == ("object_changed", "error", key(0))
        assert (line["bytes"], line["bytes_loaded"]) == (len(store.read(key(0))), was)
        assert "Move the warehouse away" in line["remedy"]
    assert counts(path) == (20, 20), "what was loaded stays"
    path.unlink()
    assert load_once(store, path) == LoadSummary(2, 25, sum(entry.size for entry in store.list()))


def test_following_tells_a_rewritten_object_once(path: Path) -> None:
    store = Careless()
    fill(store, 0)
    with capture_logs() as logs:
        summary = follow(store, path, [], lambda: rewrite(store), lambda: None, lambda: fill(store, 10), lambda: None)
    assert [line["event"] for line in logs] == ["object_changed"]
    assert (summary.objects, summary.skipped, summary.changed) == (2, 0, 1)


def test_the_command_ends_with_1_when_an_object_was_rewritten(path: Path, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    fill(store, 0)
    done = command(tmp_path / "store", path)
    assert (done.returncode, json.loads(done.stdout)["changed"]) == (0, 0), done.stderr
    (tmp_path / "store" / key(0)).unlink()
    assert store.put_if_absent(*chain_object(0, 15))
    done = command(tmp_path / "store", path)
    assert (done.returncode, json.loads(done.stdout)["changed"]) == (1, 1), done.stderr
    assert "object_changed" in done.stderr


def test_an_error_of_the_warehouse_is_told_once(path: Path, tmp_path: Path) -> None:
    fill(FolderStore(tmp_path / "store"), 0)
    with DuckDbWarehouse(path, lambda: NOON):
        pass
    with held_elsewhere(path):
        done = command(tmp_path / "store", path)
    assert (done.returncode, done.stderr.count("is in use")) == (3, 1), done.stderr
    path.write_bytes(b"no database" * 1000)
    done = command(tmp_path / "store", path)
    assert (done.returncode, done.stderr.count("not a valid DuckDB")) == (3, 1), done.stderr
    assert "job_record_failed" not in done.stderr


def test_a_warehouse_that_is_taken_away_at_the_end_is_told(path: Path) -> None:
    """The objects are loaded, and only the last job record is missing."""
    store = Careless()
    fill(store, 0)

    def spoil(line: object) -> None:
        path.unlink()
        path.write_bytes(b"no database" * 1000)

    with capture_logs() as logs:
        load(store, path, lambda: NOON, spoil, threading.Event(), job=Run(JobType.LOAD, "1", NOON, "a1"))
    assert [line["event"] for line in logs] == ["job_record_failed"]


def command(store: Path, path: Path) -> subprocess.CompletedProcess[str]:
    words = ("load", "--store", str(store), "--warehouse", str(path), "--output", "json")
    return subprocess.run(
        [sys.executable, "-m", "ingest", *words], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_following_tries_a_bad_object_once(path: Path) -> None:
    store = Careless()
    store.put_if_absent(key(0), b"bad", {})
    assert follow(store, path, [], *[lambda: None] * 3).failed == 1
    assert query(path, "select attempts from raw.load_history") == [(1,)]


def test_following_an_idle_store_does_not_open_the_warehouse(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "store")
    fill(store, 0)

    def refuse(*arguments: object) -> None:
        raise AssertionError("opened for nothing")

    summary = follow(store, path, [], lambda: monkeypatch.setattr(module, "DuckDbWarehouse", refuse), lambda: None)
    assert summary.objects == 1


def test_following_notices_a_new_warehouse(path: Path, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    fill(store, 0)
    summary = follow(store, path, [], path.unlink)
    assert summary.objects == 2
    assert counts(path) == (10, 10)


def test_following_waits_for_a_locked_warehouse_and_for_the_store(path: Path, tmp_path: Path) -> None:
    store = Failing()
    fill(store, 0)
    with DuckDbWarehouse(path, lambda: NOON):
        pass
    with held_elsewhere(path) as holder:
        with pytest.raises(WarehouseError, match="in use"):
            load_once(store, path)
        seen: list[object] = []
        summary = follow(store, path, seen, lambda: release(holder), *[lambda: None] * 2)
    told = [WarehouseLocked, StoreUnavailable, StoreUnavailable, History, LoadSummary]
    assert [type(one) for one in seen] == told
    assert summary.rows == 10


def release(holder: subprocess.Popen[bytes]) -> None:
    holder.communicate()


KILLED = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from ingest import load as module
from ingest.store import open_store
module._GROUP_OBJECTS = 2
store = open_store(sys.argv[1], endpoint_url=sys.argv[3] or None)
print("ready", flush=True)
module.load(store, Path(sys.argv[2]), lambda: datetime.now(UTC), lambda line: None, threading.Event())
"""


@pytest.mark.parametrize(("kind", "kills"), [("folder", 10), ("s3", 5)])
def test_sigkill_at_any_moment_loses_and_doubles_nothing(
    kind: str, kills: int, request: pytest.FixtureRequest, tmp_path: Path, path: Path
) -> None:
    """Killed runs over a growing store, then one that is left alone."""
    url, endpoint, store = _killable_store(kind, request, tmp_path)
    command = [sys.executable, "-c", KILLED, url, str(path), endpoint]
    starts, interrupted = itertools.count(0, 1000), 0
    for number in range(kills):
        for _ in range(8):
            fill(store, next(starts), rows=1000)
        interrupted += _run_and_kill(command, 0.25 * number / kills)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=os.environ | CREDENTIALS)
    assert interrupted >= kills // 3
    assert counts(path) == (8_000 * kills, 8_000 * kills)
    listing = [(entry.key, entry.size, 1000, "loaded") for entry in store.list()]
    assert query(path, "select file, bytes, records, status from raw.load_history order by file") == listing
    per_file = query(path, "select _file, count(*), count(distinct _file_row) from raw.raw_events group by 1")
    assert sorted(per_file) == [(file, 1000, 1000) for file, *_ in listing]


def _killable_store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, Store]:
    if kind == "folder":
        return str(tmp_path / "store"), "", FolderStore(tmp_path / "store")
    server: S3Server = request.getfixturevalue("s3")
    request.getfixturevalue("credentials")
    server.create_bucket("killed")
    return "s3://killed/raw", server.url, open_store("s3://killed/raw", endpoint_url=server.url)


def _run_and_kill(command: list[str], delay: float) -> bool:
    """Whether the kill came before the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | CREDENTIALS) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL
