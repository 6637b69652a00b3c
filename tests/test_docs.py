"""What the docs name exists, and what exists is in the docs."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
import typer
import yaml

from ingest import errors, telemetry
from ingest.cli import app
from ingest.cli.reference import reference
from ingest.cli.tasks import TASKS
from ingest.health import MEANINGS
from ingest.metrics import METRICS
from ingest.settings import Settings

ROOT = Path(__file__).parent.parent
OPERATIONS = (ROOT / "docs/operations.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = typer.main.get_command(app).commands
#: The commands below those that are groups too.
ALL_COMMANDS = [one for found in COMMANDS.values() for one in (found, *getattr(found, "commands", {}).values())]


def first_cells(heading: str) -> list[str]:
    """The back-ticked first cells of the table under a heading of docs/operations.md."""
    section = OPERATIONS.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `?([^`|]+?)`? \|", section, re.M)[1:]


def test_every_setting_is_documented_with_its_default():
    lines = [
        f"| `{name.upper()}` | {'' if field.default is None else f'`{field.default}`'} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    assert re.findall(r"^\| `[A-Z_0-9]+` \|.*$", OPERATIONS, re.M) == lines


def test_every_command_is_documented():
    assert sorted(first_cells("Commands")) == sorted(f"ingest {name}" for name in COMMANDS)


def test_every_option_of_every_command_is_documented():
    assert (ROOT / "docs/cli.md").read_text() == reference(), "Next: make generate"
    for command in ALL_COMMANDS:
        for param in command.params:
            assert param.help, f"{param.name} of {command.name} says nothing"


def test_a_command_has_one_task_and_a_line_that_fits_a_terminal():
    told = [entry for entries in TASKS.values() for entry in entries]
    assert sorted(entry.name for entry in told) == sorted(COMMANDS)
    assert all(len(entry.about) <= 64 for entry in told)


def test_every_log_event_is_documented():
    code = "\n".join(path.read_text() for path in (ROOT / "ingest").rglob("*.py"))
    logged = set(re.findall(r"\b(?:LOG|log)\.(?:debug|info|warning|error)\(\s*\"(\w+)\"", code))
    assert logged | {telemetry.CLIENT_LOG, telemetry.LIBRARY_LOG} == set(first_cells("Log events"))


def test_every_metric_is_documented_as_the_list_has_it():
    lines = [f"| `{one.name}` | {one.kind} | {', '.join(one.labels)} | {one.meaning} |" for one in METRICS]
    assert re.findall(r"^\| `ingest_\w+` \|.*$", OPERATIONS, re.M) == lines


def test_every_metric_that_the_page_names_exists():
    named = set(re.findall(r"\b(ingest_[a-z_]+?)(?:_bucket|_count|_sum)?\b", OPERATIONS))
    assert named == {one.name for one in METRICS}


def test_every_reason_of_bad_health_is_documented_with_its_meaning():
    section = OPERATIONS.split("## Health\n", 1)[1].split("\n## ", 1)[0]
    told = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", section, re.M)
    assert told == [(why.value, meaning) for why, meaning in MEANINGS.items()]


def test_every_var_of_the_models_is_documented_with_its_default():
    declared = yaml.safe_load((ROOT / "dbt_project/dbt_project.yml").read_text())["vars"]
    told = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (ROOT / "docs/models.md").read_text().split("## Vars")[1], re.M)
    assert told == [
        (name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in declared.items()
    ]


def test_every_exit_code_is_documented():
    raised = {str(kind.exit_code) for kind in vars(errors).values() if isinstance(kind, type)}
    assert set(first_cells("Exit codes")) == raised | {"0", "1", "130, 143"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page):
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), f"link to {link}"
    for path in re.findall(r"`((?:ingest|tests|docs|dbt_project|infra|benchmarks|requirements)/[\w./-]+)`", text):
        assert path.startswith("dbt_project/target/") or (ROOT / path).exists(), f"path {path}"  # dbt makes that one
    for command in re.findall(r"`ingest ([a-z]+)", text):
        assert command in COMMANDS, f"command ingest {command}"
    options = {option for command in ALL_COMMANDS for param in command.params for option in param.opts} | {"--help"}
    for option in re.findall(r"`(?:ingest [^`]*)?(--[a-z][a-z-]+)", text):
        assert option in options, f"option {option}"
    for verb in re.findall(r"(?:`|\$ )make ([a-z-]+)", text):
        assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.M), f"make {verb}"


def test_the_query_for_what_is_no_event_takes_any_bytes():
    section = OPERATIONS.split("## Your own events\n", 1)[1].split("\n## ", 1)[0]
    [sql] = re.findall(r"^select _error.*?;", section, re.M | re.S)
    with duckdb.connect() as connection:
        connection.execute("create schema raw; create table raw.raw_events (_error varchar, _raw blob)")
        values = [["not_utf8", b"\xff\x00a"], ["not_json", "é{".encode()], ["empty", None]]
        connection.executemany("insert into raw.raw_events values (?, ?)", values)
        assert connection.execute(sql).fetchall() == [
            ("not_utf8", "\\xFF\\x00a"),
            ("not_json", "é{"),
            ("empty", None),
        ]


def test_what_an_error_tells_people_to_type_exists():
    code = "\n".join(path.read_text() for path in (ROOT / "ingest").rglob("*.py"))
    told = re.findall(
        r"`?\bingest ([a-z]+)[`.,:]? ?", "\n".join(re.findall(r'"([^"\n]*\bingest [a-z]+[^"\n]*)"', code))
    )
    assert "produce" in told
    assert set(told) <= set(COMMANDS)
