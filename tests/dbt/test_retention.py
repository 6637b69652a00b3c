"""What is past its time goes, what rests on it stays, and nothing that comes later or anew takes it away."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.dbt.running import Row, Warehouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")

OLD, NEW = datetime(2024, 1, 10), datetime(2025, 9, 5)
AS_OF = "2025-10-01"  # 18 months before it lies between the two
AGGREGATES = (
    "intermediate.int_sessions",
    "intermediate.int_session_days",
    "intermediate.int_session_contents",
    "intermediate.int_mastery_evidence",
    "analytics.minute_metrics",
    "analytics.mastery_deltas",
    "analytics.content_performance",
    "analytics.data_quality_daily",
    "analytics.pipeline_latency",
)
MASTERY = "select trigger_event_id, evidence_count, current_mastery::varchar from analytics.mastery_deltas order by 2"


def answer(offset: int, at: datetime, loaded: datetime, correct: bool) -> Row:
    return {
        "event_id": f"e{offset}",
        "event_type": "item_answered",
        "occurred_at": at,
        "learner_id": "ada",
        "tenant_id": "default",
        "session_id": "s",
        "data": f'{{"skill_id": "k", "lesson_id": "l", "correct": {str(correct).lower()}}}',
        "_topic": "t",
        "_topic_id": "t",
        "_partition": 0,
        "_offset": offset,
        "_kafka_timestamp": at,
        "_ingested_at": at,
        "_file": f"f{loaded:%Y%m%d}",
        "_file_row": offset,
        "_loaded_at": loaded,
    }


def retain(warehouse: Warehouse, arguments: str) -> None:
    warehouse.dbt("run-operation", "retention", "--args", arguments)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Two answers of an old day, one of a new day, built."""
    warehouse = Warehouse(tmp_path_factory.mktemp("built"))
    warehouse.create()
    warehouse.load([answer(0, OLD, OLD, True), answer(1, OLD + timedelta(minutes=1), OLD, False)])
    warehouse.dbt("seed")
    warehouse.dbt("run")
    warehouse.load([answer(2, NEW, NEW, True)])
    warehouse.dbt("run")
    return warehouse


@pytest.fixture
def warehouse(tmp_path: Path, built: Warehouse) -> Warehouse:
    """A copy, for a test to do what it likes with."""
    shutil.copy(built.path, tmp_path)
    return Warehouse(tmp_path)


def tables(warehouse: Warehouse) -> dict[str, list]:
    return {name: warehouse.table(name) for name in AGGREGATES}


def test_a_plan_deletes_nothing(warehouse: Warehouse) -> None:
    before = tables(warehouse), warehouse.table("staging.stg_records")
    retain(warehouse, f"{{as_of: '{AS_OF}'}}")
    assert (tables(warehouse), warehouse.table("staging.stg_records")) == before
    assert not warehouse.rows("select * from analytics.etl_job_status where job_type = 'retention'")


def test_raw_ages_go_and_aggregates_stay_whatever_arrives_later(warehouse: Warehouse) -> None:
    before = tables(warehouse)
    retain(warehouse, f"{{as_of: '{AS_OF}', apply: true, include_raw: true}}")
    assert tables(warehouse) == before
    for table in ("raw.raw_events", "staging.stg_records", "intermediate.int_session_events"):
        assert warehouse.rows(f"select event_id from {table}") == [("e2",)], table  # noqa: S608
    job = "select status, records_processed from analytics.etl_job_status where job_type = 'retention'"
    assert warehouse.rows(job) == [("completed", 6)]

    late = NEW + timedelta(days=1)
    warehouse.load(
        [answer(3, OLD + timedelta(seconds=30), late, False), answer(4, NEW + timedelta(hours=9), late, True)]
    )
    warehouse.dbt("build", "--exclude", "resource_type:unit_test")
    after = tables(warehouse)
    for name in AGGREGATES:
        gone = [row for row in before[name] if row not in after[name] and row[-1] == OLD]
        assert not gone, f"{name}: what came late took away what stands on events that are gone"
    sound = [("e0", 1, "0.750000000"), ("e1", 2, "0.464285714"), ("e2", 3, "0.622093023"), ("e4", 4, "0.711538462")]
    assert warehouse.rows(MASTERY) == sound, "mastery goes on from evidence whose events are gone"


def test_a_full_refresh_that_would_lose_history_is_refused(warehouse: Warehouse) -> None:
    retain(warehouse, f"{{as_of: '{AS_OF}', apply: true, include_raw: true}}")
    before = tables(warehouse)
    refused = warehouse.attempt("run", "--full-refresh")
    assert not refused.success
    assert tables(warehouse) == before
    message = str(refused.exception) + str([outcome.message for outcome in getattr(refused.result, "results", [])])
    assert "would lose rows of" in message
    assert "minute_metrics" in message
    assert "allow_history_loss" in message
    warehouse.dbt("run", "--full-refresh", "--select", "stg_records", "session_metrics")
    warehouse.dbt("run", "--full-refresh", "--vars", "allow_history_loss: true")
    assert [row[0] for row in warehouse.rows(MASTERY)] == ["e2"]


def test_aggregates_go_after_their_years(warehouse: Warehouse) -> None:
    retain(warehouse, "{as_of: '2031-06-01', apply: true}")
    for name in AGGREGATES:
        assert len(tables(warehouse)[name]) in (1, 2), name  # the new day's
    retain(warehouse, "{as_of: '2033-06-01', apply: true}")
    assert not any(tables(warehouse).values())
    runs = "select count(*) from analytics.etl_job_status where job_type = 'retention' and status = 'completed'"
    assert warehouse.rows(runs) == [(2,)]
