"""The real dbt-snowflake adapter builds the project in the Snowflake stand-in, and the tables are DuckDB's.

Several histories lie side by side in each warehouse and are loaded in pieces, with an incremental run after each.
DuckDB computes on both sides: what is shown is that the SQL for Snowflake means the same, that the adapter and its
materializations carry it, and that increments are right there too. It is no proof of what Snowflake's own functions
give; `test_snowflake_sql` keeps the statements to its grammar and to functions that were looked up.
"""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt.histories import many
from tests.dbt.running import PROJECT, Warehouse
from tests.dbt.snowflake.warehouse import DATABASE, SnowflakeWarehouse, project_with_stand_in
from tests.reported import ingest
from tests.services.snowflake import SnowflakeServer, snowflake_server

SEEDS = range(3)
LOADS = 3

#: Models that the stand-in can't carry, each with the reason.
NOT_CARRIED: dict[str, str] = {}
#: Unit tests of what the dialects say differently: JSON, clocks, hashes, time zones. The others pass too, in minutes.
UNIT_TESTS = (
    "scores_become_fractions",
    "event_at_follows_the_clock_rules",
    "records_get_canonical_types_content_and_flags",
    "dates_are_local",
)
#: Columns that are not compared.
OF_THEIR_OWN = {
    "int_transform_runs": {"job_id", "started_at", "completed_at", "recorded_at"},  # the run's own id and clock
    "etl_job_status": {"job_id", "started_at", "completed_at", "last_heard_at"},
    "base_event_payloads": {"payload"},  # the parsed payload in the engine's own form
}
#: Views of the last days show these old histories too.
VARS = ("--vars", "{realtime_view_days: 36500}")
LEFT_OUT = ("--exclude", *NOT_CARRIED) if NOT_CARRIED else ()
#: A run of the pipeline that said when it began and when it ended.
JOB_RUNS = """
    create table raw.job_runs as
    select
        cast('20251120-a' as varchar) as job_id, cast('ingest' as varchar) as job_type,
        cast(status as varchar) as status, cast('2025-11-20 10:00:00' as timestamp) as started_at,
        cast(completed_at as timestamp) as completed_at, cast(number as bigint) as records_processed,
        cast(0 as bigint) as records_failed, cast(9 as bigint) as bytes_processed,
        cast(null as varchar) as error_message, cast(number as bigint) as record_number,
        cast('2025-11-20 10:00:01' as timestamp) as recorded_at
    from (
        select 'running' as status, null as completed_at, 0 as number
        union all
        select 'completed', '2025-11-20 10:00:01', 1
    ) as records
"""

pytestmark = [
    pytest.mark.timeout(900),  # nearly all of it is the warehouses' making, which counts as the first test's
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

Table = tuple[list[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Both:
    """The stand-in and DuckDB after the same loads, and the schema of every model that was built."""

    snowflake: SnowflakeWarehouse
    duckdb: Warehouse
    models: dict[str, str]

    def tables_of_snowflake(self) -> dict[str, Table]:
        with self.snowflake.server.connect(DATABASE) as connection:
            return tables(connection.cursor(), self.models)

    def tables_of_duckdb(self) -> dict[str, Table]:
        with duckdb.connect(str(self.duckdb.path)) as connection:
            return tables(connection, self.models)


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as running:
        yield running


@pytest.fixture(scope="module")
def both(server: SnowflakeServer, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("both")
    project = project_with_stand_in(folder / "project")
    for name in ("snowflake", "duckdb"):
        (folder / name).mkdir()
    snowflake = SnowflakeWarehouse(folder / "snowflake", project=project, server=server)
    duckdb = Warehouse(folder / "duckdb")
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn")
    ) as beside:  # no process has two dbt runs at once
        other = beside.submit(load_and_run, duckdb)
        models = load_and_run(snowflake)
        assert other.result() == models
    return Both(snowflake, duckdb, models)


def load_and_run(warehouse: Warehouse) -> dict[str, str]:
    """Load the histories, with an incremental run after each load. The models that were built, with their schemas."""
    warehouse.create()
    warehouse.rows(JOB_RUNS)
    warehouse.dbt("seed", *VARS)
    for rows in many(SEEDS, events=25, count=LOADS):
        warehouse.load(rows)
        run = warehouse.dbt("run", *VARS, *LEFT_OUT)
    return {each.node.name: each.node.schema for each in run.results if each.node.resource_type == "model"}


def tables(connection: Any, models: dict[str, str]) -> dict[str, Table]:
    """Every model's columns and rows, without what tells of the run, in an order that depends on nothing but them."""
    return {name: table(connection, schema, name) for name, schema in models.items()}


def table(connection: Any, schema: str, name: str) -> Table:
    found = connection.execute(f"select * from {schema}.{name}")  # noqa: S608
    columns = [column[0].lower() for column in found.description]
    kept = [place for place, column in enumerate(columns) if column not in OF_THEIR_OWN.get(name, ())]
    return columns, sorted((tuple(plain(row[place]) for place in kept) for row in found.fetchall()), key=repr)


def plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytearray) else value


def assert_equal(found: dict[str, Table], expected: dict[str, Table]) -> None:
    assert found.keys() == expected.keys()
    for name, (columns, rows) in expected.items():
        assert found[name][0] == columns, name
        others = found[name][1]
        different = [row for row in rows if row not in others] + [row for row in others if row not in rows]
        seeds = sorted(set(re.findall(r"'h(\d+)-", repr(different))))
        assert others == rows, f"{name}, seeds {', '.join(seeds)}: {different[:4]}"


def test_tables_are_those_of_duckdb(both: Both) -> None:
    assert both.models.keys() == {path.stem for path in (PROJECT / "models").rglob("*.sql")} - NOT_CARRIED.keys()
    expected = both.tables_of_duckdb()
    assert_equal(both.tables_of_snowflake(), expected)
    assert not [name for name, (_, rows) in expected.items() if not rows], "an empty table shows nothing"


def test_the_report_says_the_same_of_both(both: Both, tmp_path: Path) -> None:
    """From the command line, on the account that its settings name; what differs is when dbt ran."""
    where = {
        "SNOWFLAKE_ACCOUNT": "stand-in",
        "SNOWFLAKE_HOST": f"http://127.0.0.1:{both.snowflake.server.port}",
        "SNOWFLAKE_USERNAME": "test",
        "SNOWFLAKE_AUTHENTICATOR": "snowflake",
        "SNOWFLAKE_PASSWORD": "test",
        "SNOWFLAKE_DATABASE": DATABASE,
    }
    pages = {}
    for name, words in (("snowflake", ("--from", "snowflake")), ("duckdb", ("--warehouse", str(both.duckdb.path)))):
        page = tmp_path / f"{name}.html"
        code, output, errors = ingest(
            "report", *words, "--out", str(page), "--output", "json", folder=tmp_path, **where
        )
        assert code == 0, errors
        pages[name] = (page.read_text(), json.loads(output))
    (snowflake, told), (duckdb, expected) = pages["snowflake"], pages["duckdb"]
    assert told["empty"] == []
    assert told["account"] == expected["account"]
    assert told["figures"] == expected["figures"]
    assert f"stand-in/{DATABASE}" in snowflake
    figures = re.compile(r'<figure id="(?!runs)(\w+)">.*?</figure>', re.S)
    for one, other in zip(figures.finditer(snowflake), figures.finditer(duckdb), strict=True):
        assert one[0] == other[0], one[1]


def test_data_tests_pass(both: Both) -> None:
    both.snowflake.dbt("test", *VARS, "--exclude", "resource_type:unit_test", *NOT_CARRIED)


def test_unit_tests_pass(both: Both) -> None:
    outcomes = both.snowflake.dbt("test", *VARS, "--select", *UNIT_TESTS).results
    assert len([outcome for outcome in outcomes if outcome.node.resource_type == "unit_test"]) == len(UNIT_TESTS)


def test_a_full_refresh_changes_nothing(both: Both) -> None:
    incremental = both.tables_of_snowflake()
    both.snowflake.dbt("run", *VARS, *LEFT_OUT, "--full-refresh")
    refreshed = both.tables_of_snowflake()
    for name in ("int_transform_runs", "etl_job_status"):  # a full refresh is one more run
        del incremental[name], refreshed[name]
    assert_equal(refreshed, incremental)


def test_a_statement_that_fails_leaves_its_table_as_it_was(both: Both) -> None:
    """The insert of the touched stretches fails after their deletion, and other models run after it."""
    macro = both.snowflake.project / "macros" / "incremental.sql"
    right = macro.read_text()
    wrong = right.replace("from {{ arg_dict['temp_relation'] }};", "from {{ arg_dict['temp_relation'] }}_gone;")
    assert wrong != right
    before = both.tables_of_snowflake()["int_session_events"]
    macro.write_text(wrong)
    try:
        result = both.snowflake.attempt("run", *VARS, "--select", "int_session_events", "stg_removed_duplicates")
    finally:
        macro.write_text(right)
    outcomes = {each.node.name: each.status for each in result.result.results}
    assert (outcomes["int_session_events"], outcomes["stg_removed_duplicates"]) == ("error", "success")
    assert both.tables_of_snowflake()["int_session_events"] == before
