"""`dbt build` on the default target: every unit and data test, over a history with payloads made to break a run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from tests.dbt.histories import history, loads
from tests.dbt.running import Warehouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")

#: Payload and the page that staging reads from it.
PAYLOADS = {
    '{"page_id": "p", "title": "\\ud83d\\ude00"}': "p",
    '{"page_id": "p\\u0000q"}': "p\x00q",
    '{"page_id": "p", "deep": ' + "[" * 20_000 + "]" * 20_000 + "}": "p",
    '{"page_id": 7, "score": 1e999, "max_score": "Infinity", "attempt": 99999999999999999999}': "7",
    '{"page_id": "p", "title": "\\ud800"}': None,
    '{"page_id": "p"': None,
    "[]": None,
    "null": None,
    "": None,
}


def test_build_passes_whatever_the_payloads(tmp_path: Path) -> None:
    random = Random(7)  # noqa: S311
    warehouse = Warehouse(tmp_path)
    warehouse.create()
    at = datetime(2025, 9, 1)
    [rows] = loads(random, history(random), count=1)
    hostile = [
        {"event_id": f"hostile-{number}", "event_type": "page_view", "occurred_at": at, "learner_id": "eve"}
        | {"tenant_id": "default", "data": data, "metadata": data, "_topic_id": "hostile", "_partition": 0}
        | {
            "_offset": number,
            "_kafka_timestamp": at,
            "_ingested_at": at,
            "_file": "f",
            "_file_row": number,
            "_loaded_at": at,
        }
        for number, data in enumerate(PAYLOADS)
    ]
    warehouse.load(rows + hostile)
    for _ in range(2):
        warehouse.dbt("build")
    pages = warehouse.rows("select page_id from staging.stg_events where learner_id = 'eve' order by _offset")
    assert [page for (page,) in pages] == list(PAYLOADS.values())
    unreadable = "select count(*) from staging.stg_events where learner_id = 'eve' and unparsable_data"
    assert warehouse.rows(unreadable) == [(3,)]
    assert warehouse.rows("select sum(total_events) from analytics.minute_metrics where learner_id = 'eve'") == [(9,)]


def test_an_empty_warehouse_is_told_in_one_sentence(tmp_path: Path) -> None:
    result = Warehouse(tmp_path).attempt("build")
    assert not result.success
    [failure] = [outcome for outcome in result.result.results if outcome.status == "error"]
    assert "nothing has been loaded into this warehouse yet" in failure.message


def test_freshness_sees_old_loads(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.create()
    warehouse.load([{"_loaded_at": datetime(2025, 9, 1)}])
    assert freshness(warehouse) == ["error"]
    warehouse.load([{"_loaded_at": datetime.now(UTC).replace(tzinfo=None)}])
    assert freshness(warehouse) == ["pass"]


def freshness(warehouse: Warehouse) -> list[str]:
    outcomes = warehouse.attempt("source", "freshness").result.results
    return [outcome.status for outcome in outcomes if outcome.node.resource_type == "source"]
