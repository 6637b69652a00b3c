"""With the var, tables that dbt builds on Snowflake carry the policies of the set-up, from their making on."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from ingest.ddl import Names
from tests.dbt.histories import many
from tests.dbt.running import PROJECT
from tests.dbt.snowflake.warehouse import DATABASE, SnowflakeWarehouse, project_with_stand_in
from tests.infra.snowflake_setups import setup
from tests.infra.snowflake_syntax import parse_by_sqlfluff, statements
from tests.services.snowflake import SnowflakeServer, snowflake_server

ON = ("--vars", "{privacy_policies: true}")
TABLES = ("staging.stg_records", "intermediate.int_learner_stretches", "analytics.minute_metrics")

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as running:
        yield running


@pytest.fixture(scope="module")
def warehouse(server: SnowflakeServer, tmp_path_factory: pytest.TempPathFactory) -> SnowflakeWarehouse:
    """Set up by the rendered SQL, with events, and the models up to the minutes."""
    folder = tmp_path_factory.mktemp("privacy")
    made = SnowflakeWarehouse(folder, project=project_with_stand_in(folder / "project"), server=server)
    whole = setup(names=Names("AIVO", DATABASE))
    with server.connect(DATABASE) as connection:
        for part in whole.parts:
            for statement in statements(whole.render(part)):
                connection.cursor().execute(statement)
    for rows in many(range(1), events=10, count=1):
        made.load(rows)
    made.dbt("seed", *ON)
    made.dbt("run", "-s", "+minute_metrics", *ON)
    return made


def policies(warehouse: SnowflakeWarehouse, table: str) -> list[str]:
    found = warehouse.rows(
        f"select policy_kind from table({DATABASE}.information_schema.policy_references("  # noqa: S608
        f"ref_entity_name => '{DATABASE}.{table}', ref_entity_domain => 'TABLE'))"
    )
    return sorted(kind for (kind,) in found)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_learners_carries_both_policies(warehouse: SnowflakeWarehouse, table: str) -> None:
    assert policies(warehouse, table) == ["MASKING_POLICY", "ROW_ACCESS_POLICY"]


def test_a_sessions_key_is_masked_too_and_readers_come_last(warehouse: SnowflakeWarehouse) -> None:
    hooks = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["models"]["learner_analytics"]["+post-hook"]
    assert hooks == [
        "{{ mask('learner_id') }}",
        "{{ mask('session_key') }}",
        "{{ limit_tenants() }}",
        "{{ grant_to_reporter() }}",
    ]
    masked = warehouse.rows(f"call stand_in.masked('{DATABASE}.analytics.minute_metrics')")
    assert sorted(column for (column,) in masked) == ["LEARNER_ID", "SESSION_KEY"]


def test_they_stay_over_increments_and_come_again_after_a_full_refresh(warehouse: SnowflakeWarehouse) -> None:
    warehouse.dbt("run", "-s", "+minute_metrics", *ON)
    warehouse.dbt("run", "-s", "minute_metrics", "--full-refresh", *ON)
    assert [policies(warehouse, table) for table in TABLES] == [["MASKING_POLICY", "ROW_ACCESS_POLICY"]] * 3
    warehouse.dbt("run", "-s", "minute_metrics", "--full-refresh")
    assert policies(warehouse, "analytics.minute_metrics") == []


def test_the_policies_are_those_of_the_setup() -> None:
    macro = (PROJECT / "macros/privacy.sql").read_text()
    named = re.findall(r"policy\('(\w+)'\)", macro)
    names = setup().names
    assert {f"{names.database}.PRIVACY.{name.upper()}" for name in named} == {
        names["masking_policy"],
        names["row_policy"],
    }
    for statement in (
        "alter table a.b.c modify column learner_id set masking policy a.privacy.masking_policy force",
        "alter table a.b.c add row access policy a.privacy.row_policy on (tenant_id)",
    ):
        parse_by_sqlfluff(statement)
