# ruff: noqa: S608 - the statements are made of this file's own constants
"""The fixtures, built and compared on their own target; and the comparison itself, which must see any difference."""

from __future__ import annotations

import duckdb
import pytest

from tests.dbt.running import Warehouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    built = Warehouse(tmp_path_factory.mktemp("fixtures"))
    built.dbt("build", target="fixtures")
    return built


def test_golden_sessions_have_the_documented_active_time(warehouse: Warehouse) -> None:
    seconds = warehouse.rows(
        "select session_id, sum(time_spent_seconds)::int, sum(total_events)::int from analytics.minute_metrics "
        "where tenant_id = 'default' and session_id in ('session_001', 'session_002', 'session_003') "
        "group by 1 order by 1"
    )
    assert seconds == [("session_001", 1170, 5), ("session_002", 600, 3), ("session_003", 300, 2)]


def test_golden_sessions_and_mastery_are_the_documented_ones(warehouse: Warehouse) -> None:
    sessions = warehouse.rows(
        "select duration_seconds::int, active_seconds::int, completion_rate, avg_assessment_score, errors, "
        "unique_pages from analytics.session_metrics where tenant_id = 'default' and session_id in "
        "('session_001', 'session_002', 'session_003') order by session_id"
    )
    assert sessions == [(1200, 1170, 1, 85, 0, 0), (600, 600, 0, None, 1, 1), (1800, 300, 1, 92, 0, 0)]
    mastery = warehouse.rows(
        "select current_mastery::double, confidence_score::double, is_initial, mastery_delta "
        "from analytics.mastery_deltas where trigger_event_id in ('golden-05', 'golden-10') order by trigger_event_id"
    )
    assert mastery == [(0.675, 0.5, True, None), (0.71, 0.5, True, None)]


def test_quarantined_bytes_survive(warehouse: Warehouse) -> None:
    [quarantined] = warehouse.rows("select _error, _raw from staging.stg_quarantined_records")
    assert quarantined == ("not_json", b'{"event_id": ')


def test_fixtures_stay_out_of_the_production_target(warehouse: Warehouse) -> None:
    assert warehouse.rows("select count(*) from information_schema.tables where table_schema = 'raw'") == [(0,)]
    listed = warehouse.attempt("list", "--resource-type", "seed", target="local")
    assert listed.result == ["learner_analytics.bkt_parameters", "learner_analytics.event_types"]


#: A change of the expected rows, and how many findings it makes.
CHANGES = [
    ("minute_metrics", "delete from {expected} where learner_id = 'learner_5'", 1),
    ("minute_metrics", "insert into {expected} from {expected} where learner_id = 'learner_5'", 1),
    ("minute_metrics", "update {expected} set time_spent_seconds = 59.749999 where time_spent_seconds = 59.75", 2),
    (
        "minute_metrics",
        "update {expected} set errors = 9 where learner_id = 'learner_9' and session_id is null",
        24,
    ),
    ("session_metrics", "update {expected} set completion_rate = null where learner_id = 'learner_1'", 2),
    ("session_metrics", "update {expected} set end_reason = 'explicit' where learner_id = 'learner_2'", 2),
    ("mastery_deltas", "update {expected} set current_mastery = 0.675000001 where trigger_event_id = 'golden-05'", 2),
    ("mastery_deltas", "delete from {expected} where regraded", 5),
]


@pytest.mark.parametrize(("model", "change", "findings"), CHANGES)
def test_comparison_sees_every_difference(warehouse: Warehouse, model: str, change: str, findings: int) -> None:
    expected = f"fixture_seeds.test_{model}"
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(f"create table saved as from {expected}")
        connection.execute(change.format(expected=expected))
    try:
        comparison = f"{model}_equal_the_hand_worked_ones"
        outcomes = warehouse.attempt("test", "--select", comparison, target="fixtures").result.results
        assert [outcome.failures for outcome in outcomes if outcome.node.name == comparison] == [findings]
    finally:
        with duckdb.connect(str(warehouse.path)) as connection:
            connection.execute(f"delete from {expected}")
            connection.execute(f"insert into {expected} from saved")
            connection.execute("drop table saved")
