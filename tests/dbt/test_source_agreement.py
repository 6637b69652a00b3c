"""The dbt source, the pipeline's event schema and the fixtures name the same columns, in one order, of one type."""

from __future__ import annotations

import csv
from typing import Any

import duckdb
import pytest
import yaml

from tests.dbt.running import PROJECT, RAW_COLUMNS, column_type


def canonical(data_type: str) -> str:
    """A type by the one name that DuckDB has for all its aliases."""
    return str(duckdb.sql(f"select typeof(cast(null as {data_type}))").fetchall()[0][0])


def yml(path: str) -> dict[str, Any]:
    return yaml.safe_load((PROJECT / path).read_text())


def test_source_columns_are_those_of_the_stored_events_and_the_loader() -> None:
    [source] = yml("models/staging/raw.yml")["sources"]
    [table] = [table for table in source["tables"] if table["name"] == "raw_events"]
    stated = [(column["name"], canonical(column["data_type"])) for column in table["columns"]]
    assert stated == [(name, canonical(column_type(dtype))) for name, dtype in RAW_COLUMNS.items()]
    assert all(column["description"].strip() for table in source["tables"] for column in table["columns"])


def test_fixture_columns_are_those_of_the_source() -> None:
    with (PROJECT / "seeds/fixtures/test_raw_events.csv").open() as file:
        assert next(csv.reader(file)) == list(RAW_COLUMNS)
    seeds = {seed["name"]: seed for seed in yml("seeds/fixtures/fixtures.yml")["seeds"]}
    types = seeds["test_raw_events"]["config"]["column_types"]
    assert {name: canonical(t) for name, t in types.items()} == {
        name: canonical(column_type(dtype)) for name, dtype in RAW_COLUMNS.items()
    }


def test_kept_columns_are_those_of_the_contract() -> None:
    [model] = yml("models/staging/stg_records.yml")["models"]
    macro = (PROJECT / "macros/record_columns.sql").read_text()
    listed = [part.strip(" '\n") for part in macro.split("return([")[1].split("])")[0].split(",") if part.strip()]
    assert [*listed, "record_status", "_first_loaded_at", "_touched_at"] == [
        column["name"] for column in model["columns"]
    ]


@pytest.mark.parametrize("folder", ["models", "seeds"])
def test_every_model_and_seed_has_a_yml_of_its_own_name(folder: str) -> None:
    documented = {
        entry["name"]
        for path in (PROJECT / folder).rglob("*.yml")
        for entry in [*yml(str(path)).get("models", []), *yml(str(path)).get("seeds", [])]
        if path.stem == entry["name"] or "fixtures" in path.parts
    }
    assert documented == {path.stem for suffix in ("sql", "csv") for path in (PROJECT / folder).rglob(f"*.{suffix}")}
