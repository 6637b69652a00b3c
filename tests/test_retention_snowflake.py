"""Retention over Snowflake's stand-in: raw rows by when they were loaded, and what dbt's macro says of the models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.folder import FolderStore
from ingest.retention import months_before
from tests.dbt.snowflake.warehouse import DATABASE, project_with_stand_in
from tests.retained import put
from tests.services.snowflake import SnowflakeServer, snowflake_server
from tests.test_retention_cli import ingest, past

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

NOW = datetime.now(UTC)
OLD, YOUNG = months_before(NOW, 18) - timedelta(days=20), NOW - timedelta(days=30)
TABLES = (
    "create schema raw",
    "create schema staging",
    "create schema analytics",
    "create table raw.raw_events (_offset number(19, 0), _loaded_at timestamp_ltz not null)",
    "create view raw.records as select _offset, _loaded_at from raw.raw_events",
    "create table raw.job_runs (job_id varchar, _loaded_at timestamp_ltz not null)",
    "create table staging.stg_records (_loaded_at timestamp_ntz)",
    "create table analytics.minute_metrics (partition_date date)",
    "create view analytics.learner_activity_summary as select to_date('2020-01-01') as partition_date",
)


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as running:
        yield running


@pytest.fixture(name="site")
def folder_and_account(server: SnowflakeServer, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A folder with an object, and an account with an old row and a young one in each table; its environment."""
    put(FolderStore(tmp_path / "objects"), 0, 0)
    with server.connect(DATABASE) as connection:
        cursor = connection.cursor()
        for statement in TABLES:
            cursor.execute(statement)
        for at in (OLD, YOUNG):
            for table in ("raw.raw_events", "raw.job_runs"):
                cursor.execute(f"insert into {table} values (1, %s)", (at,))  # noqa: S608
            cursor.execute("insert into staging.stg_records values (%s)", (at.replace(tzinfo=None),))
        cursor.execute("insert into analytics.minute_metrics values (to_date('2015-01-01')), (current_date())")
    yield {
        "SNOWFLAKE_ACCOUNT": "stand-in",
        "SNOWFLAKE_HOST": f"http://127.0.0.1:{server.port}",
        "SNOWFLAKE_AUTHENTICATOR": "snowflake",
        "SNOWFLAKE_USERNAME": "test",
        "SNOWFLAKE_PASSWORD": "test",
        "SNOWFLAKE_STAND_IN_PORT": str(server.port),
        "SNOWFLAKE_STAND_IN_DATABASE": DATABASE,
    }
    with server.connect(DATABASE) as connection:
        for schema in ("raw", "staging", "analytics"):
            connection.cursor().execute(f"drop schema {schema} cascade")


def kept(server: SnowflakeServer, table: str) -> int:
    with server.connect(DATABASE) as connection:
        return connection.cursor().execute(f"select count(*) from {table}").fetchall()[0][0]  # noqa: S608


def test_plan_and_apply(server: SnowflakeServer, site: dict[str, str], tmp_path: Path) -> None:
    words = ("--store", "objects", "--without", "models", "--output", "json")
    code, output, errors = ingest(tmp_path, "retention", "plan", *words, **site)
    assert code == 0, errors
    told = json.loads(output)
    assert past(told) == {"events_raw": 0, "raw.raw_events": 1, "raw.job_runs": 1}
    (share,) = (one for one in told["shares"] if one["name"] == "raw.raw_events")
    assert datetime.fromisoformat(share["oldest"]) == OLD
    assert share["taker"] == "Snowflake, daily; or ingest retention apply"

    code, output, errors = ingest(tmp_path, "retention", "audit", *words, **site)
    assert code == 4
    assert [one["where"] for one in json.loads(output)["findings"]] == ["raw raw.raw_events", "raw raw.job_runs"]

    code, output, errors = ingest(tmp_path, "retention", "apply", "--yes", *words, **site)
    assert code == 0, errors
    assert json.loads(output)["rows_of"] == {"raw_events": 1, "job_runs": 1}
    assert (kept(server, "raw.raw_events"), kept(server, "raw.job_runs")) == (1, 1)
    records = [entry.key for entry in FolderStore(tmp_path / "objects").list("_jobs/retention/")]
    assert len(records) == 2, "the run is on record in the store"


def test_the_models_are_looked_at_by_dbt(server: SnowflakeServer, site: dict[str, str], tmp_path: Path) -> None:
    project_with_stand_in(tmp_path / "dbt_project")
    words = ("--store", "objects", "--without", "store", "--output", "json")
    code, output, errors = ingest(tmp_path, "retention", "audit", *words, **site)
    assert code == 4, errors
    told = json.loads(output)
    assert past(told) | {"raw.raw_events": 1, "raw.job_runs": 1} == {
        "raw.raw_events": 1,
        "raw.job_runs": 1,
        "staging.stg_records": 1,
        "analytics.minute_metrics": 1,
        "analytics.learner_activity_summary": 0,
    }
    assert {(one["name"], one["where"]) for one in told["findings"]} >= {
        ("past_retention", "staging staging.stg_records"),
        ("past_retention", "aggregates analytics.minute_metrics"),
        ("view_too_far", "analytics.learner_activity_summary"),
    }
    shutil.rmtree(tmp_path / "dbt_project")
