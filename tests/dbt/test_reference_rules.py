"""The rules of staging in the reference, one by one; and what the reference has in common with the project."""

from __future__ import annotations

import ast
import csv
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.dbt.reference.comparison import differences
from tests.dbt.reference.event_types import CANONICAL
from tests.dbt.reference.figures import percentile
from tests.dbt.reference.payloads import members, number, truth, whole_number
from tests.dbt.reference.scores import Score, score
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.tables import Table
from tests.dbt.reference.times import times

PROJECT = Path(__file__).parents[2] / "dbt_project"
DAY = datetime(2025, 9, 5)


def test_clock_rules() -> None:
    at, minute = DAY, timedelta(minutes=1)
    row = {"occurred_at": at, "sent_at": at, "published_at": at + minute}
    assert times(row).event_at == at
    assert times(row | {"published_at": at + 2 * minute})[1:3] == (at + 2 * minute, True)
    ahead = {"occurred_at": at + 6 * minute, "_kafka_timestamp": at}
    assert times(ahead)[1:4] == (at, False, True)
    assert times(ahead | {"occurred_at": at + 5 * minute}).event_at == at + 5 * minute
    assert times(ahead | {"occurred_at": at - timedelta(days=30, microseconds=1)}).late


@pytest.mark.parametrize("text", ["", "{", '{"a": "\\ud800"}', '["\\udc00"]', '{"a": NaN}', "{} {}"])
def test_unreadable_payloads(text: str) -> None:
    assert members(text) is None


def test_members_are_text() -> None:
    text = '{"a": "", "b": null, "c": 1.50, "d": true, "e": {"x": [1, null]}, "f": "\\ud83d\\ude00", "c": 2.50}'
    assert members(text) == {"c": "2.50", "d": "true", "e": '{"x":[1,null]}', "f": "😀"}
    assert members("[]") == members("null") == members('"text"') == {}


def test_numbers_and_truths() -> None:
    numbers = {"1": 1, "-0.5": -0.5, "1e-9": 1e-9, "0" * 15: 0, "0" * 16: None, "1e100": None, " 1": None}
    assert {text: number(text) for text in numbers} == numbers
    assert [number(text) for text in ("nan", "inf", "1_0", "٣", "1\n")] == [None] * 5
    assert [whole_number(text) for text in ("2", "2.0", "0", "1.5", "1e30", None)] == [2, 2, None, None, None, None]
    assert [truth(text) for text in ("true", "1", "false", "0", "maybe", None)] == [
        True,
        True,
        False,
        False,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"score": "3", "max_score": "4.0", "correct": "false"}, Score(0.75)),
        ({"score": "3", "score_scaled": "0.4"}, Score(0.4)),
        ({"score": "1", "correct": "true"}, Score(1.0)),
        ({"score": "85"}, Score(0.85, assumed_percent=True)),
        ({"score": "3", "max_score": "0", "score_scaled": "0.4"}, Score(bad_max_score=True)),
        ({"score": "5", "max_score": "4"}, Score(out_of_range=True)),
        ({"score": "101"}, Score(assumed_percent=True, out_of_range=True)),
        ({"score": "nan", "max_score": "inf"}, Score()),
    ],
)
def test_scores(payload: dict[str, str], expected: Score) -> None:
    assert score(payload) == expected


def test_percentiles_lie_between_values() -> None:
    assert percentile([3, 1], 0.5) == 2
    assert percentile([0, 10, 20], 0.95) == 19
    assert percentile([], 0.5) is None


def test_settings_and_types_are_those_of_the_project() -> None:
    stated = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    ours = {name: value for name, value in vars(Settings()).items() if name != "today"}
    assert ours == {name: stated[name] for name in ours}
    with (PROJECT / "seeds/event_types.csv").open() as file:
        assert {row["source_event_type"]: row["event_type"] for row in csv.DictReader(file)} == CANONICAL


def test_comparison_names_what_differs() -> None:
    table = Table(1, ("id", "figure"), [("a", 1.0), ("b", None), ("c", True)])
    assert not list(differences(table, [("c", True), ("b", None), ("a", 1.000000001)]))
    found = list(differences(table, [("a", 1.00000001), ("b", 0), ("b", None), ("d", 1)]))
    assert [sentence.partition(": ")[2] for sentence in found] == [
        "figure is 1.00000001, not 1.0", "figure is 0, not None", "twice", "not expected", "missing"
    ]  # fmt: skip


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def test_reference_rests_on_nothing_but_python() -> None:
    modules = list((Path(__file__).parent / "reference").glob("*.py"))
    assert modules
    foreign = {name for path in modules for name in imported(path) if not name.startswith("tests.dbt.reference.")}
    assert {name.partition(".")[0] for name in foreign} <= sys.stdlib_module_names
