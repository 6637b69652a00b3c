"""What dbt would send to Snowflake, read as Snowflake's grammar reads it.

The real adapter runs every model against a connection that only writes down the statements. That proves syntax and
names of functions, for a first run and for incremental ones; it does not prove results, which DuckDB shows.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

import agate
import pytest
import yaml
from dbt.adapters.snowflake import SnowflakeAdapter
from dbt.adapters.snowflake.column import SnowflakeColumn
from dbt.adapters.snowflake.connections import SnowflakeAdapterResponse, SnowflakeConnectionManager
from dbt.adapters.snowflake.relation import SnowflakeRelation
from sqlfluff.core import Linter

from tests.dbt.comparing import STORED
from tests.dbt.running import PROJECT, Warehouse

#: Every function that the models may call on Snowflake. A new one is looked up in Snowflake's reference, then added.
FUNCTIONS = {
    "abs", "cast", "coalesce", "convert_timezone", "count", "current_timestamp", "date_part", "date_trunc", "dateadd",
    "datediff", "exp", "floor", "get", "greatest", "lag", "lead", "least", "length", "ln", "lower", "max", "md5",
    "min", "mod", "nullif", "percentile_cont", "power", "regexp_like", "row_number", "split_part", "sum", "try_cast",
    "try_parse_json",
}  # fmt: skip
#: What DuckDB accepts and Snowflake refuses, beyond what its grammar tells.
REFUSED = re.compile(r"distinct\s+on|filter\s*\(\s*where|except\s+all|intersect\s+all|interval\s+\d|\bblob\b", re.I)
ACCOUNT = {"SNOWFLAKE_ACCOUNT": "x", "SNOWFLAKE_USERNAME": "x", "SNOWFLAKE_PRIVATE_KEY_PATH": "x"}
INCREMENTAL = {name.split(".")[1] for name in STORED}

#: What dbt does before and after the models.
HOOKS = {"master", "learner_analytics-on-run-start-0", "learner_analytics-on-run-end-0"}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def contract_columns(model: str) -> list[str]:
    [path] = (PROJECT / "models").rglob(f"{model}.yml")
    [described] = yaml.safe_load(path.read_text())["models"]
    return [column["name"] for column in described["columns"]]


@cache
def read(sql: str) -> Any:
    """The statement as Snowflake's grammar reads it; much of two runs is the same."""
    return Linter(dialect="snowflake").parse_string(sql)


class Recording:
    """A Snowflake that has every table of `existing`, accepts every statement and remembers it."""

    def __init__(self, existing: set[str]) -> None:
        self.existing = existing
        self.statements: list[tuple[str, str]] = []

    def execute(self, manager: Any, sql: str, *_: Any, **__: Any) -> tuple[Any, Any]:
        self.statements.append((manager.get_thread_connection().name.split(".")[-1], sql))
        if "select min(starts_at), max(ends_at)" in sql:  # asked for, to be put into the next statement
            bounds = agate.Table([(datetime(2025, 9, 5), datetime(2025, 9, 6))], ["FIRST", "LAST"])
            return SnowflakeAdapterResponse(_message="OK", query_id="1"), bounds
        return SnowflakeAdapterResponse(_message="OK", query_id="1"), agate.Table([], ["A_COLUMN"], [agate.Text()])

    def relation(self, _: Any, database: str, schema: str, identifier: str, *__: Any, **___: Any) -> Any:
        if identifier not in self.existing:
            return None
        return SnowflakeRelation.create(database=database, schema=schema, identifier=identifier, type="table")

    @staticmethod
    def columns(_: Any, relation: Any) -> list[SnowflakeColumn]:
        model = relation.identifier.removesuffix("__dbt_tmp")
        return [SnowflakeColumn(name, "varchar") for name in contract_columns(model)]

    @staticmethod
    def open(connection: Any) -> Any:
        connection.state, connection.handle = "open", MagicMock()
        return connection


def statements(existing: set[str], folder: Path) -> list[tuple[str, str]]:
    """What a run sends, by model, without dbt's own dropping and renaming."""
    recording = Recording(existing)
    schemas = ["raw", "staging", "intermediate", "analytics"]
    with (
        patch.dict("os.environ", ACCOUNT),
        patch.object(SnowflakeConnectionManager, "open", staticmethod(recording.open)),
        patch.object(SnowflakeConnectionManager, "execute", lambda *a, **k: recording.execute(*a, **k)),  # noqa: PLW0108
        patch.object(SnowflakeAdapter, "get_relation", lambda *a, **k: recording.relation(*a, **k)),  # noqa: PLW0108
        patch.object(SnowflakeAdapter, "get_columns_in_relation", recording.columns),
        patch.object(SnowflakeAdapter, "get_column_schema_from_query", lambda *_, **__: []),
        patch.object(SnowflakeAdapter, "set_relations_cache", lambda *_, **__: None),
        patch.object(SnowflakeAdapter, "list_schemas", lambda *_, **__: schemas),
    ):
        Warehouse(folder).dbt("run", "--vars", "mastery_bkt: true", target="snowflake")  # everything that can be sent
    dbts_own = ("drop ", "alter ")
    return [(model, sql) for model, sql in recording.statements if not sql.strip().lower().startswith(dbts_own)]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    return statements({"raw_events"}, tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def incremental_run(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    return statements({"raw_events"} | INCREMENTAL, tmp_path_factory.mktemp("incremental"))


@pytest.mark.parametrize("run", ["first_run", "incremental_run"])
def test_statements_are_in_snowflakes_grammar_and_vocabulary(run: str, request: pytest.FixtureRequest) -> None:
    sent: list[tuple[str, str]] = request.getfixturevalue(run)
    sent = [(model, sql) for model, sql in sent if sql.strip()]
    assert {model for model, _ in sent} - HOOKS == {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    for model, sql in sent:
        parsed = read(sql)
        assert not parsed.violations, f"{model}: {parsed.violations[:3]}\n{sql}"
        called = {name.raw.lower() for name in parsed.tree.recursive_crawl("function_name")}
        assert called <= FUNCTIONS, f"{model}: {called - FUNCTIONS}"
        assert not REFUSED.search(sql), f"{model}: {REFUSED.search(sql)}"


def test_a_failed_model_takes_its_open_transaction_to_nobody() -> None:
    profile = yaml.safe_load((PROJECT / "profiles.yml").read_text())["learner_analytics"]["outputs"]["snowflake"]
    assert profile["reuse_connections"] is False


def test_a_first_run_deletes_nothing(first_run: list[tuple[str, str]]) -> None:
    assert not [model for model, sql in first_run if re.search(r"\bdelete from\b", sql)]


def test_incremental_models_delete_and_insert_in_one_transaction(incremental_run: list[tuple[str, str]]) -> None:
    changes = {model: sql for model, sql in incremental_run if re.search(r"\bdelete from\b", sql)}
    assert set(changes) == INCREMENTAL
    for sql in changes.values():
        words = re.findall(r"^\s*(begin|delete from|insert into|commit)\b", sql, re.M)
        assert words == ["begin", "delete from", "insert into", "commit"]


@pytest.mark.parametrize("sql", ["select epoch_ms(x) from t", "select x from t qualify", "delete from using x"])
def test_the_gate_refuses_what_snowflake_refuses(sql: str) -> None:
    parsed = Linter(dialect="snowflake").parse_string(sql)
    called = {name.raw.lower() for name in parsed.tree.recursive_crawl("function_name")} if parsed.tree else set()
    assert parsed.violations or not called <= FUNCTIONS
