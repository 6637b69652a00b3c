"""Status at a glance: how far who is behind whom, with whoever is away left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ingest.cli.status import _age, _counts
from ingest.errors import BrokerError, StoreUnavailable, WarehouseLocked
from ingest.folder import FolderStore
from ingest.holdings import read_history
from ingest.jobs import HEARTBEAT, Counts, JobType, Run, object_of
from ingest.objects import ChainId
from ingest.runs import newest, runs_in_store, runs_in_warehouse, silent
from ingest.status import Glance, Look, Standing, status
from ingest.warehouse import DuckDbWarehouse
from tests.damage import FolderHands, Site, extend, hands_of
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures
from tests.running import Pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.chain import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CHAIN = ChainId("other", "id-7", 12)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_broker"))


def glance(site: Site, **changes: Any) -> Glance:
    """A look at the site, with all that it has."""
    with ExitStack() as stack:
        history: Callable | None = (lambda: read_history(site.warehouse)) if site.warehouse.exists() else None
        look = {
            "store": site.store,
            "marks": site.marks(stack) if site.pipeline else None,
            "history": history,
            "runs": history and (lambda: runs_in_warehouse(site.warehouse)),
        }
        return status(Look(**(look | changes)))


def offline(folder: Path) -> Site:
    """Five objects of one chain, loaded, and no broker."""
    site = Site(FolderStore(folder / "objects"), FolderHands(folder / "objects"), folder / "warehouse.duckdb")
    extend(site.store, CHAIN)
    site.load()
    return site


def test_from_the_broker_to_the_warehouse(bootstrap: str, store: Store, tmp_path: Path, request) -> None:
    server = request.getfixturevalue("s3") if store.url.startswith("s3://") else None
    pipeline = Pipeline(bootstrap, tmp_path / "unused")
    site = Site(store, hands_of(store, server), tmp_path / "warehouse.duckdb", pipeline)
    before = datetime.now(UTC) - timedelta(seconds=1)
    pipeline.produce(300)

    first = glance(site)
    assert not first.away
    found = first.standings
    assert [(one.objects, one.next, one.last_object, one.waiting) for one in found] == [(0, 0, None, None)] * 4
    assert sum(one.end.behind for one in found if one.end) == 300
    stamps = [one.end.unread.timestamp for one in found if one.end and one.end.unread]
    assert stamps
    assert all(before.timestamp() * 1000 <= stamp <= datetime.now(UTC).timestamp() * 1000 for stamp in stamps)

    pipeline.run(store=store, rows=40)
    site.load()
    pipeline.produce(100, start=300)
    pipeline.run(store=store)
    pipeline.produce(7, start=400)
    found = glance(site).standings
    keys = site.chains()
    for one in found:
        assert one.objects == len(keys[one.chain])
        assert one.last_object == keys[one.chain][-1]
        assert one.next == one.end.offset - one.end.behind == one.mark.committed.offset
        assert before < one.last_load_at < one.taken_in_at < datetime.now(UTC)
        assert (one.waiting, one.oldest_waiting, one.waiting_since) == (1, one.last_object, one.taken_in_at)
        assert one.failed == 0
    assert sum(one.end.behind for one in found) == 7


def test_loads_that_failed_are_counted_and_do_not_wait(tmp_path: Path) -> None:
    site = offline(tmp_path)
    site.sql("update raw.load_history set status = 'failed' where file = ?", site.objects()[1])
    (one,) = glance(site).standings
    assert (one.failed, one.waiting, one.objects) == (1, 0, 5)


def test_a_damaged_tip_leaves_the_end_open(tmp_path: Path) -> None:
    site = offline(tmp_path)
    last = site.objects()[-1]
    site.hands.write(last, b"PAR1 and no more", {})
    (one,) = glance(site).standings
    assert (one.last_object, one.next, one.taken_in_at, one.objects) == (last, None, None, 5)


class Away(FolderStore):
    def list(self, prefix: str = "", after: str = ""):
        raise StoreUnavailable("the store is away")


def test_whoever_is_away_is_left_out_and_named(bootstrap: str, tmp_path: Path) -> None:
    def locked() -> Any:
        raise WarehouseLocked("the warehouse is locked")

    class Gone:
        def before(self):
            raise BrokerError("the broker is away")

    site = offline(tmp_path)
    assert set(glance(site, marks=Gone()).away) == {"broker"}
    found = glance(site, history=locked)
    assert set(found.away) == {"warehouse"}
    assert [(one.next, one.waiting, one.failed) for one in found.standings] == [(1130, None, None)]
    site.pipeline = Pipeline(bootstrap, tmp_path / "unused")
    found = glance(site, store=Away(tmp_path))
    assert set(found.away) == {"store"}
    assert [(one.next, one.end, one.mark.bounds.next) for one in found.standings] == [(None, None, 0)] * 4
    assert set(glance(site, marks=Gone(), history=locked, store=Away(tmp_path)).away) == {
        "broker",
        "warehouse",
        "store",
    }


# --- runs --------------------------------------------------------------------------------------------


def test_the_last_runs_come_from_store_and_warehouse_alike(tmp_path: Path) -> None:
    store, path = FolderStore(tmp_path / "objects"), tmp_path / "warehouse.duckdb"
    ingests = [Run(JobType.INGEST, "1", NOON + timedelta(hours=hour), "aa") for hour in range(5)]
    begun = [run.running(NOON, Counts()) for run in ingests]
    for record in (*begun, *(run.ended(NOON, Counts(7, 1, 9), "it broke") for run in ingests)):
        store.put_if_absent(*object_of(record))
    load = Run(JobType.LOAD, "1", NOON, "bb")
    with DuckDbWarehouse(path, lambda: NOON) as warehouse:
        warehouse.record(begun[4])  # an older record of what the store knows better
        for record in (load.running(NOON, Counts()), load.running(NOON + timedelta(hours=1), Counts(5))):
            warehouse.record(record)
    found = newest([*runs_in_warehouse(path), *runs_in_store(store, [entry.key for entry in store.list()])])
    assert [(one.job_type, one.job_id, one.status, one.records_processed) for one in found] == [
        *(("ingest", run.job_id, "failed", 7) for run in ingests[:1:-1]),
        ("load", load.job_id, "running", 5),
    ]
    assert found[0].error_message == "it broke"
    assert found[-1].recorded_at == NOON + timedelta(hours=1)


def test_a_run_that_is_not_heard_of_any_more_is_silent() -> None:
    run = Run(JobType.INGEST, "1", NOON, "aa")
    going, over = run.running(NOON, Counts()), run.ended(NOON, Counts())
    soon, late = NOON + timedelta(seconds=1.9 * HEARTBEAT), NOON + timedelta(seconds=2.1 * HEARTBEAT)
    assert [silent(record, at) for record in (going, over) for at in (soon, late)] == [False, True, False, False]


def test_a_job_record_that_can_not_be_read_is_passed_over(tmp_path: Path) -> None:
    site = offline(tmp_path)
    key, body, said = object_of(Run(JobType.INGEST, "1", NOON, "aa").running(NOON, Counts()))
    site.hands.write(key, body[:-30], said)
    assert glance(site).runs == []


def test_a_run_that_has_not_counted_yet_shows_no_figures() -> None:
    run = Run(JobType.INGEST, "1", NOON, "aa")
    assert _counts(run.running(NOON, Counts())) == ["-", "-"]
    assert _counts(run.running(NOON, Counts(1200, 3))) == ["1,200", "3"]
    assert _counts(run.ended(NOON, Counts())) == ["0", "0"]


# --- as users see it ---------------------------------------------------------------------------------


def run_status(folder: Path, *words: str) -> tuple[int, str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_"))}
    places = ["--store", "objects", "--warehouse", "warehouse.duckdb"]
    command = [sys.executable, "-m", "ingest", "status", *places, *words]
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_status_is_readable_and_for_programs(tmp_path: Path) -> None:
    offline(tmp_path)
    code, output, _ = run_status(tmp_path, "--without", "broker")
    lines = output.splitlines()
    assert (code, lines[0]) == (0, "broker     NOT ASKED: left out (--without broker)")
    assert max(map(len, lines)) <= 100
    assert any(line.split()[:5] == ["12", "5", "1,130", "-", "-"] for line in lines)
    code, output, _ = run_status(tmp_path, "--without", "broker", "--output", "json")
    found = json.loads(output)
    assert (code, found["lag"], found["waiting_objects"], found["failed_loads"]) == (0, None, 0, 0)
    assert found["partitions"][0]["last_object"] == CHAIN.key(1120)
    assert found["not_asked"] == {"broker": "left out (--without broker)"}


def test_status_says_who_is_away_and_fails_only_if_nobody_answers(tmp_path: Path) -> None:
    offline(tmp_path)
    nobody = ("--bootstrap-servers", "127.0.0.1:1")
    code, output, errors = run_status(tmp_path, *nobody, "--output", "json")
    assert (code, list(json.loads(output)["not_asked"])) == (0, ["broker"])
    assert errors.startswith("away: ")
    assert "next:  Is the broker running there?" in errors
    closed = ("--store", "s3://bucket/prefix", "--without", "warehouse")
    code, output, errors = run_status(tmp_path, *nobody, *closed, "--output", "json")
    assert errors.startswith("error: ")
    assert (code, json.loads(output)["partitions"]) == (3, [])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86_400, "1 d"), (90 * 86_400, "90 d")],
)
def test_ages_are_told_in_whole_units(seconds: int, text: str) -> None:
    assert _age(NOON, NOON + timedelta(seconds=seconds)) == text
    assert _age(None, NOON) == "-"


def test_a_standing_of_nothing_known_says_nothing() -> None:
    assert Standing(CHAIN) == Standing(CHAIN, None, None, None, None, None, None, None, None, None, None, None)
