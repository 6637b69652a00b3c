"""What docs/reliability.md says is what a run has found."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.faults.__main__ import FAULTS, FULL, sized
from tests.faults.account import Account
from tests.faults.record import JSON, PAGE, page, record, tables
from tests.faults.scenarios import SCENARIOS, Outcome, Size


def outcome(name: str, **found) -> Outcome:
    return Outcome(name, Account(records=1000, rows=1000, objects=3, **found), Counter({"kill": 2}), 1000, 1, 2.5)


def test_a_record_adds_up():
    made = record([outcome("a"), outcome("b", lost=5, doubled=2, recorded=7)], "2026-11-22", 3, 2000, 2)
    assert (made["injected"], made["faults"]) == (4, {"kill": 4})
    assert (made["lost"], made["doubled"], made["deleted_before_read_and_on_record"]) == (5, 2, 7)
    assert made["records"] == 1000 + 1000 - 2 + 5
    assert made["command"] == "FAULTS_SEED=3 FAULTS_RECORDS=2000 make faults"
    assert "| b | 1,003 | 3 | 2 | 1 | 5 | 2 |" in tables(made)


def test_what_is_published_is_the_record():
    assert page(PAGE.read_text(), json.loads(JSON.read_text())) == PAGE.read_text()


def test_what_is_published_is_a_whole_run():
    found = json.loads(JSON.read_text())
    assert found["records"] >= FULL
    assert found["injected"] >= FAULTS
    assert (found["lost"], found["doubled"], found["altered"]) == (0, 0, 0)
    counted = {one["name"] for one in found["scenarios"]}
    assert all(one.name in counted or f"*{one.name}*" in found["note"] for one in SCENARIOS), (
        "counted, or said not to be"
    )
    assert found["injected"] == sum(found["faults"].values()) == sum(one["injected"] for one in found["scenarios"])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_scenario_is_described(scenario):
    assert f"\n| {scenario.name} | " in PAGE.read_text().split("## What happens to it")[1]


def test_a_run_scales():
    assert sized(Size(300_000, 20), FULL) == Size(300_000, 20)
    assert sized(Size(300_000, 20), FULL // 10) == Size(30_000, 2)
    assert sized(Size(300_000, 20), 2 * FULL) == Size(600_000, 20)
