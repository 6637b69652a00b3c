"""What the report asks: in the words of both engines, and in agreement with who answers."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ingest.events import Reason
from ingest.report_figures import NOTHING, Figure, lasting, shortened
from ingest.report_pipeline import balances, difference
from ingest.report_questions import QUESTIONS, Answer, ask, statement
from ingest.report_rows import LENGTHS, Account, Bounds, Quarantine
from tests.dbt.running import PROJECT
from tests.dbt.test_snowflake_sql import FUNCTIONS, REFUSED, read

VALUES = {"since": datetime(2026, 1, 2), "after": datetime(2026, 1, 2).date(), "unit": "week", "rows": 12, "least": 5}
FOLDER = Path(__file__).parent.parent / "ingest/templates/report"


def columns(model: str) -> set[str]:
    """Those that the model's yml describes."""
    [path] = (PROJECT / "models").rglob(f"{model}.yml")
    [described] = yaml.safe_load(path.read_text())["models"]
    return {column["name"] for column in described["columns"]}


def test_every_question_has_its_file_and_every_file_a_question():
    assert {path.stem for path in FOLDER.glob("*.sql")} == QUESTIONS.keys()


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_is_in_snowflakes_grammar_and_vocabulary(question):
    sql = statement(question, **VALUES)
    parsed = read(sql)
    assert not parsed.violations, parsed.violations
    called = {name.raw.lower() for name in parsed.tree.recursive_crawl("function_name")}
    assert called <= FUNCTIONS, called - FUNCTIONS
    assert not REFUSED.search(sql)
    assert "{{" not in sql
    assert "%" not in sql  # the connector's sign for a parameter


@pytest.mark.parametrize("question", sorted(set(QUESTIONS) - {"models"}))
def test_it_reads_only_models_and_columns_that_are_there(question):
    models = Answer(statement(question, **VALUES), []).models
    assert models
    known = set().union(*(columns(model.partition(".")[2]) for model in models))
    read_columns = set(re.findall(r"\bsum\((\w+)\)", statement(question, **VALUES)))
    assert read_columns <= known


def test_no_question_reads_a_learner_but_to_count():
    for question in QUESTIONS:
        sql = statement(question, **VALUES)
        assert sql.count("learner_id") == sql.count("count(distinct tenant_id || ':' || learner_id)"), question


def test_reasons_are_those_of_the_consumer():
    assert set(Quarantine._fields) == {reason.value for reason in Reason}


def test_classes_of_lengths_are_those_of_the_sql():
    assert [*map(int, re.findall(r"(?:then|else) (\d)", statement("session_lengths", **VALUES)))] == [
        *range(len(LENGTHS))
    ]


def test_answers_are_alike_from_both_engines():
    """Snowflake's times know their zone, and its sums are decimals."""
    aware = datetime(2026, 1, 2, 5, tzinfo=timezone(timedelta(hours=2)))
    [bounds] = ask(lambda _: [(aware, aware.astimezone(UTC), None, None)], "bounds").rows
    assert bounds == Bounds(datetime(2026, 1, 2, 3), datetime(2026, 1, 2, 3), None, None)
    [account] = ask(lambda _: [(Decimal(7), Decimal("7.5"), *[None] * 7)], "account").rows
    assert (account.stored, account.loaded) == (7, 7.5)
    assert isinstance(account.stored, int)


def account(**counts: int) -> Account:
    return Account(**dict.fromkeys(Account._fields) | counts)


def test_an_account_balances_only_to_the_record():
    sound = account(stored=10, loaded=10, events=7, duplicates=2, quarantined=1)
    assert balances(sound)
    assert not balances(sound._replace(events=6))
    assert not balances(sound._replace(loaded=11))
    assert balances(account())
    assert difference(sound) == "as many as were loaded"
    assert difference(sound._replace(stored=1_012)).startswith("1,002 are not loaded yet")
    assert difference(sound._replace(stored=None)).startswith("10 fewer")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, NOTHING),
        (0, "0 s"),
        (1.234, "1.23 s"),
        (59.9, "59.9 s"),
        (60, "1 min"),
        (5400, "1.5 h"),
        (87_036, "1.01 d"),
    ],
)
def test_durations_are_said_in_their_largest_unit(seconds, text):
    assert lasting(seconds) == text


def test_long_names_are_cut():
    assert shortened("x" * 120) == "x" * 120
    assert shortened("x" * 121) == "x" * 119 + "…"


def test_a_figure_is_empty_without_anything_to_see():
    named = {field.name: "" for field in fields(Figure)[:3]}
    assert Figure(**named, answers=()).empty
    assert not Figure(**named, answers=(), open_table=True).empty
