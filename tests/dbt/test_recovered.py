"""A record recovered from quarantine is in the raw table twice: the valid row counts, in any order of arrival."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.dbt.comparing import SELECTIONS, STORED
from tests.dbt.histories import history, loads
from tests.dbt.running import Row, Warehouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")


def quarantined(row: Row) -> Row:
    """The same record, as it came while nobody could read it."""
    kept = {name: value for name, value in row.items() if name.startswith("_")}
    return kept | {"_error": "too_large", "_raw": row["data"].encode()}


def coordinates(rows: list[Row]) -> set[tuple[object, ...]]:
    return {(row["_topic_id"], row["_offset"]) for row in rows}


@pytest.mark.parametrize("seed", range(3))
def test_a_recovered_record_counts_whichever_of_its_rows_comes_first(seed: int, tmp_path: Path) -> None:
    random = Random(seed)  # noqa: S311 - histories, not secrets
    records = history(random, 40)
    recovered = random.sample([row for row in records if row.get("event_id")], 15)
    never = [row for row in records if row.get("_error")]
    warehouse = Warehouse(tmp_path)
    warehouse.create()
    warehouse.dbt("seed")
    for rows in loads(random, [*records, *map(quarantined, recovered)], count=5):
        warehouse.load(rows)
        warehouse.dbt("run", *random.choice(SELECTIONS))
    warehouse.dbt("run")
    tables = {name: warehouse.table(name) for name in STORED}
    statuses = warehouse.rows("select _topic_id, _offset, record_status = 'quarantined' from staging.stg_records")
    assert len(statuses) == len(records)
    assert {(topic_id, offset) for topic_id, offset, is_out in statuses if is_out} == coordinates(never)

    plain = Warehouse(tmp_path / "plain")
    plain.folder.mkdir()
    plain.create()
    plain.dbt("seed")
    plain.load([row | {"_file": "f", "_file_row": 0, "_loaded_at": records[0]["_ingested_at"]} for row in records])
    plain.dbt("run")
    minutes = "select * exclude (_loaded_at) from analytics.minute_metrics order by all"
    assert warehouse.rows(minutes) == plain.rows(minutes), "as if it had never been quarantined"
    warehouse.dbt("run", "--full-refresh")
    assert {name: warehouse.table(name) for name in STORED} == tables
