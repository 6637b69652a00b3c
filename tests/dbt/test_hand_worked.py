# ruff: noqa: S608 - the statements are made of this file's own constants
"""The fixtures, built and compared on their own target; and the comparison itself, which must see any difference."""

from __future__ import annotations

import duckdb
import pytest

from tests.dbt.running import Warehouse

COMPARISON = ("test", "--select", "minute_metrics_equal_the_hand_worked_ones")
EXPECTED = "fixture_seeds.test_minute_metrics"

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


def test_quarantined_bytes_survive(warehouse: Warehouse) -> None:
    [quarantined] = warehouse.rows("select _error, _raw from staging.stg_quarantined_records")
    assert quarantined == ("not_json", b'{"event_id": ')


def test_fixtures_stay_out_of_the_production_target(warehouse: Warehouse) -> None:
    assert warehouse.rows("select count(*) from information_schema.tables where table_schema = 'raw'") == [(0,)]
    listed = warehouse.attempt("list", "--resource-type", "seed", target="local")
    assert listed.result == ["learner_analytics.event_types"]


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        (f"delete from {EXPECTED} where learner_id = 'learner_5'", 1),
        (f"insert into {EXPECTED} from {EXPECTED} where learner_id = 'learner_5'", 1),
        (f"update {EXPECTED} set time_spent_seconds = 59.749999 where time_spent_seconds = 59.75", 2),
        (f"update {EXPECTED} set session_id = 'x' where learner_id = 'learner_9' and session_id is null", 24),
    ],
)
def test_comparison_sees_every_difference(warehouse: Warehouse, change: str, findings: int) -> None:
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(f"create table saved as from {EXPECTED}")
        connection.execute(change)
    try:
        result = warehouse.attempt(*COMPARISON, target="fixtures")
        assert [outcome.failures for outcome in result.result.results] == [findings]
    finally:
        with duckdb.connect(str(warehouse.path)) as connection:
            connection.execute(f"delete from {EXPECTED}")
            connection.execute(f"insert into {EXPECTED} from saved")
            connection.execute("drop table saved")
