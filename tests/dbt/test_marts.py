"""What every mart owes its readers: a grain, an owner, a contract that holds, a key, columns that are explained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.events import Reason
from tests.dbt.projects import change, copied
from tests.dbt.running import PROJECT, Warehouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")

MARTS = {path.stem: path for path in sorted((PROJECT / "models/marts").glob("*.yml"))}
CONFIGURED = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["models"]["learner_analytics"]["marts"]
DOCS = dict(re.findall(r"{% docs (\w+) %}\n(.*?)\n{% enddocs %}", (PROJECT / "models/columns.md").read_text(), re.S))


def described(mart: str) -> dict[str, Any]:
    [model] = yaml.safe_load(MARTS[mart].read_text())["models"]
    return model


def text(description: str) -> str:
    """A description with the shared ones put in."""
    return re.sub(r"{{ doc\(\"(\w+)\"\) }}", lambda found: DOCS[found[1]], description)


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_says_what_a_row_is_who_owns_it_and_what_it_promises(mart: str) -> None:
    model = described(mart)
    assert model["description"].startswith("One row per ")
    assert model["config"]["contract"] == {"enforced": True}
    groups = {group["name"] for group in yaml.safe_load((PROJECT / "models/groups.yml").read_text())["groups"]}
    assert model["config"]["group"] in groups
    assert CONFIGURED["+access"] == "public"
    assert any("unique_rows" in test for test in model["data_tests"])
    assert yaml.safe_load(MARTS[mart].read_text())["unit_tests"]


@pytest.mark.parametrize("mart", MARTS)
def test_every_column_has_a_type_an_example_and_a_word_on_null(mart: str) -> None:
    model = described(mart)
    [never_null] = [
        test["never_null"]["arguments"]["columns"] for test in model["data_tests"] if "never_null" in test
    ] or [[]]
    for column in model["columns"]:
        description = text(column["description"])
        assert column["data_type"], column["name"]
        assert "Example: " in description, column["name"]
        may_be_null = not column.get("constraints") and column["name"] not in never_null
        assert may_be_null == bool(re.search(r"\bnull\b", description, re.I)), column["name"]


def test_every_mart_is_exposed_or_read_by_one_that_is() -> None:
    exposures = yaml.safe_load((PROJECT / "models/exposures.yml").read_text())["exposures"]
    assert {read for exposure in exposures for read in re.findall(r"ref\('(\w+)'\)", str(exposure))} == MARTS.keys()


def test_reasons_of_quarantine_are_those_of_the_consumer() -> None:
    macro = (PROJECT / "macros/quarantine_reasons.sql").read_text()
    assert re.findall(r"'(\w+)'", macro) == [reason.value for reason in Reason]


_MINUTES = "models/marts/minute_metrics.sql"
#: What somebody may change without a thought for those who read the table.
BROKEN_PROMISES = {
    "a dropped column": (
        _MINUTES,
        "session_id,\n        minute_timestamp,\n        {{",
        "minute_timestamp,\n        {{",
    ),
    "a wrong type": ("models/intermediate/int_sessions.sql", "as completion_rate", "|| '' as completion_rate"),
    "a wrong type in a view": ("models/marts/session_metrics.sql", "        errors,\n", "errors || '' as errors,\n"),
}


@pytest.mark.parametrize("promise", BROKEN_PROMISES)
def test_a_broken_contract_fails_the_run(promise: str, tmp_path: Path) -> None:
    project = copied(tmp_path / "project")
    path, right, wrong = BROKEN_PROMISES[promise]
    change(project / path, right, wrong)
    warehouse = Warehouse(tmp_path, project=project)
    warehouse.create()
    warehouse.dbt("seed")
    outcomes = [
        outcome for outcome in warehouse.attempt("run").result.results if outcome.node.resource_type == "model"
    ]
    failed = {outcome.node.name: outcome.message for outcome in outcomes if outcome.status == "error"}
    assert "enforced contract" in failed[Path(path).stem]
    [run] = warehouse.rows("select status, error_message from analytics.etl_job_status")
    assert run == ("failed", f"1 of {len(outcomes)} failed: {Path(path).stem}")
