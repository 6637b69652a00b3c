"""The flagship: whatever the order of arrival, and however cut into loads, the tables are those of a full refresh."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from tests.dbt.histories import history, loads
from tests.dbt.running import PROJECT, Warehouse

TABLES = ("staging.stg_records", "intermediate.int_session_events", "analytics.minute_metrics")
#: What a run may have reached when it ended: all of it, or a model in between.
SELECTIONS = ((), (), ("--select", "+stg_records"), ("--select", "+int_session_events"))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps its parse: shared, or every warehouse would parse the project again."""
    return tmp_path_factory.mktemp("artifacts")


def incremental_and_refreshed(warehouse: Warehouse, seed: int) -> tuple[dict[str, list], dict[str, list]]:
    """The tables after a history came in pieces, and after a full refresh over the same raw rows."""
    random = Random(seed)  # noqa: S311
    warehouse.create()
    warehouse.dbt("seed")
    for rows in loads(random, history(random), count=5):
        warehouse.load(rows)
        warehouse.dbt("run", *random.choice(SELECTIONS))
    warehouse.dbt("run")
    incremental = {name: warehouse.table(name) for name in TABLES}
    warehouse.dbt("run", "--full-refresh")
    return incremental, {name: warehouse.table(name) for name in TABLES}


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_arrival_gives_the_tables_of_a_full_refresh(seed: int, tmp_path: Path, artifacts: Path) -> None:
    incremental, refreshed = incremental_and_refreshed(Warehouse(tmp_path, artifacts=artifacts), seed)
    for name in TABLES:
        assert incremental[name] == refreshed[name], name
        assert refreshed[name]


#: Ways to build increments that look right and are not.
FAULTS = {
    "what is new is told by event time": (
        "macros/incremental.sql",
        "where _loaded_at >= {{ loaded_after() }}",
        "where event_at >= (select max(event_at) from {{ ref('stg_records') }})",
    ),
    "a stretch forgets the record that was kept before": (
        "macros/incremental.sql",
        "where record_status <> 'quarantined'",
        "where record_status = 'event'",
    ),
    "a load that commits late is not looked for": (
        "macros/incremental.sql",
        "-var('load_overlap_seconds')",
        "0",
    ),
    "rows are replaced by key, so that a joined session leaves its old rows": (
        "dbt_project.yml",
        "+incremental_strategy: rebuild_stretches\n        +on_schema_change: fail\n        +meta:\n"
        "          stretch_column: minute_timestamp",
        "+incremental_strategy: delete+insert\n        +unique_key: [session_key, minute_timestamp]\n"
        "        +on_schema_change: fail",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees_a_faulty_increment(fault: str, tmp_path: Path) -> None:
    path, right, wrong = FAULTS[fault]
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb"))
    text = (project / path).read_text()
    assert right in text
    (project / path).write_text(text.replace(right, wrong))
    incremental, refreshed = incremental_and_refreshed(Warehouse(tmp_path, project=project), seed=0)
    assert incremental != refreshed
