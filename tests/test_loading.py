"""What is counted and judged of a loader that follows its store."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from ingest.errors import WarehouseLocked
from ingest.load import LoadSummary
from ingest.loading import LoadWatch
from ingest.metrics import Board
from ingest.tables import History
from tests.scraping import samples

PATIENCE, INTERVAL = 300.0, 10.0
NOON = datetime(2025, 9, 5, 12, tzinfo=UTC)
LOCKED = WarehouseLocked("w.duckdb is in use", "End what holds it.")


def line(status: str, records: int = 0) -> History:
    key = "t/id/partition=00000/00000000000000000000.parquet"
    error = None if status == "loaded" else "bad"
    return History(key, status, records, 5, error, NOON, NOON)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def watch(board: Board) -> LoadWatch:
    return LoadWatch(board, INTERVAL, 0.0)


def why(watch: LoadWatch, now: float) -> tuple[list[str], list[str], list[str]]:
    said = watch.judge(now, PATIENCE)
    return tuple([reason.reason.value for reason in one] for one in (said.health, said.live, said.ready))


def test_objects_rows_failures_and_waits_are_counted(board, watch):
    for told in (line("loaded", 7), line("loaded", 3), line("failed"), LOCKED, LoadSummary()):
        watch.heard(told, 20)
    watch.refresh(25)
    seen = {name: only[""] for name, only in samples(board.text().decode()).items()}
    assert seen == {
        "ingest_load_objects_total": 2,
        "ingest_load_rows_total": 10,
        "ingest_load_failures_total": 1,
        "ingest_load_waits_total": 1,
        "ingest_load_last_look_age_seconds": 5,
        "ingest_load_last_object_age_seconds": 5,
    }


def test_an_object_that_failed_is_not_one_that_was_loaded(board, watch):
    watch.heard(line("failed"), 20)
    watch.refresh(25)
    assert math.isnan(samples(board.text().decode())["ingest_load_last_object_age_seconds"][""])


def test_an_idle_loader_is_healthy_and_ready_from_its_first_look_on(watch):
    assert why(watch, 5) == ([], [], ["load_kept_out"])
    for now in range(10, 2000, 10):
        watch.heard(LoadSummary(), now)
        assert why(watch, now + 9) == ([], [], [])


def test_a_long_backlog_is_progress(watch):
    for now in range(100, 2000, 100):
        watch.heard(line("loaded", 1), now)
        assert why(watch, now)[:2] == ([], [])


def test_a_loader_that_stalls_wants_a_restart(watch):
    watch.heard(LoadSummary(), 100)
    assert why(watch, 409) == ([], [], [])
    assert why(watch, 410) == (["load_stalled"], ["load_stalled"], [])


def test_a_loader_that_is_kept_out_wants_no_restart(watch):
    watch.heard(LoadSummary(), 100)
    for now in range(110, 411, 10):
        watch.heard(LOCKED, now)
    assert why(watch, 409) == ([], [], ["load_kept_out"])
    assert why(watch, 410) == (["load_kept_out"], [], ["load_kept_out"])
    assert watch.judge(410, PATIENCE).health[0].remedy == "End what holds it."
    watch.heard(LoadSummary(), 420)
    assert why(watch, 421) == ([], [], [])
