"""docs/bridges.md says what the tables of the code say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from ingest.caliper_actions import ACTIONS
from ingest.translation import NAMESPACE, SUBJECTS, Refusal
from ingest.xapi_verbs import ATTEMPT, KINDS, PROGRESS, SESSIONS, VERBS
from tests.test_bridge import through

PAGE = (Path(__file__).parent.parent / "docs/bridges.md").read_text()


def section(heading: str) -> str:
    return PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def meaning(rule: Mapping[Any, str]) -> str:
    """`lesson_start`; assessment: `assessment_start`."""
    special = "".join(f"; {kind}: `{event}`" for kind, event in rule.items() if kind is not None)
    return f"`{rule[None]}`{special}"


def rows(cells: Iterable[tuple[str, str, str]]) -> list[str]:
    """A row a group of names with the same first and last cell, as they follow each other."""
    return [
        f"| `{first}` | {' '.join(f'`{name}`' for _, name, _ in group)} | {last} |"
        for (first, last), group in groupby(cells, lambda cell: (cell[0], cell[2]))
    ]


def split(iri: str) -> tuple[str, str]:
    head, slash, tail = iri.rpartition("/")
    return head + slash, tail


def verbs() -> list[str]:
    return rows((*split(iri), meaning(rule)) for iri, rule in VERBS.items())


def kinds() -> list[str]:
    return rows((*split(iri), f"{kind}") for iri, kind in KINDS.items())


def actions() -> list[str]:
    return [
        line.replace(" ".join(f"`{action}`" for action in ACTIONS["Event"]), "every action of the vocabulary")
        for line in rows(
            (kind, action, meaning(rule)) for kind, allowed in ACTIONS.items() for action, rule in allowed.items()
        )
    ]


@pytest.mark.parametrize(
    ("heading", "lines"),
    [("xAPI: verbs", verbs()), ("xAPI: kinds of activities", kinds()), ("Caliper: actions", actions())],
)
def test_the_tables_are_those_of_the_code(heading, lines):
    told = re.findall(r"^\| `[^\n]*$", section(heading), re.M)
    assert told == lines, "\n" + "\n".join(lines)


def test_every_reason_is_told():
    assert re.findall(r"^\| `(\w+)` \|", section("What is rejected"), re.M) == [str(each) for each in Refusal]


def test_every_well_known_name_is_told():
    for name in (*SESSIONS, *PROGRESS, ATTEMPT, str(NAMESPACE), *set(SUBJECTS.values())):
        assert f"`{name}`" in PAGE, name


def test_the_example_is_what_comes_out():
    [sent, made] = re.findall(r"```json\n(.*?)```", section("An example"), re.S)
    [(key, value)], _, _, _ = through(sent.encode())
    event, told = json.loads(value), json.loads(made)
    assert told["event"].pop("metadata") == {"xapi": "…"}
    assert event["event"].pop("metadata") == {"xapi": json.loads(sent)}
    assert event == told
    assert key.decode() == told["event"]["learner_id"]
