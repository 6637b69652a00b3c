"""The flagship: whatever the order of arrival, however cut into loads and runs, the tables are those of a full refresh."""

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
    random = Random(seed)
    warehouse.create()
    warehouse.dbt("seed")
    for rows in loads(random, history(random), count=5):
        warehouse.load(rows)
        warehouse.dbt("run", *random.choice(SELECTIONS))
    warehouse.dbt("run")
    incremental = {name: warehouse.table(name) for name in TABLES}
    warehouse.dbt("run", "--full-refresh")
    return incremental, {name: warehouse.table(name) for name in TABLES}


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_arrival_gives_the_tables_of_a_full_refresh(seed: int, tmp_path: Path, artifacts: Path) -> None:
    incremental, refreshed = incremental_and_refreshed(Warehouse(tmp_path, artifacts=artifacts), seed)
    for name in TABLES:
        assert incremental[name] == refreshed[name], name
        assert refreshed[name]
