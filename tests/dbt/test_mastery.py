"""Mastery over long histories and by knowledge tracing, against a published implementation and exact recurrences."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from random import Random

import pytest

from tests.dbt.running import Row, Warehouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")

START = datetime(2025, 9, 5)
VECTORS = Path(__file__).parent / "bkt/vectors.csv"
#: prior, learn, guess and slip of seed bkt_parameters.
PARAMETERS = {"skill-00": ("0.4", "0.15", "0.2", "0.1"), "skill-01": ("0.3", "0.25", "0.25", "0.05")}
NEAR = Decimal("0.000000002")  # mastery is rounded to nine decimals
MASTERY = """
    select learner_id, content_id, mastery_method, current_mastery
    from analytics.mastery_deltas order by 1, 2, evidence_count
"""


def answers(skill: str, learner: str, scores: Iterable[float]) -> Iterator[Row]:
    for number, score in enumerate(scores):
        at = START + timedelta(seconds=number)
        yield {
            "event_id": f"{skill}-{learner}-{number}",
            "event_type": "item_answered",
            "occurred_at": at,
            "learner_id": learner,
            "tenant_id": "default",
            "session_id": "s",
            "data": json.dumps({"skill_id": skill, "score": score, "max_score": 1}),
            "_topic": "t",
            "_topic_id": f"{skill}-{learner}",
            "_partition": 0,
            "_offset": number,
            "_kafka_timestamp": at,
            "_ingested_at": at,
            "_file": "f",
            "_file_row": number,
            "_loaded_at": START + timedelta(days=1),
        }


def mastery(folder: Path, rows: list[Row], **variables: object) -> dict[tuple[str, str], list[tuple[str, Decimal]]]:
    """Method and mastery after each piece of evidence, by learner and skill."""
    warehouse = Warehouse(folder)
    warehouse.create()
    warehouse.load(rows)
    given = ("--vars", json.dumps(variables))
    warehouse.dbt("seed", *given)
    warehouse.dbt("run", "--select", "+mastery_deltas", *given)
    warehouse.dbt("test", "--select", "mastery_continues", *given)
    found: dict[tuple[str, str], list[tuple[str, Decimal]]] = {}
    for learner, skill, method, value in warehouse.rows(MASTERY):
        found.setdefault((learner, skill), []).append((method, value))
    return found


def decayed(scores: Iterable[Decimal], decay: Decimal, prior: Decimal, weight: Decimal) -> Iterator[Decimal]:
    total = count = Decimal(0)
    for score in scores:
        total, count = decay * total + score, decay * count + 1
        yield (weight * prior + total) / (weight + count)


def traced(
    answered: Iterable[bool], prior: Decimal, learn: Decimal, guess: Decimal, slip: Decimal
) -> Iterator[Decimal]:
    """Fifty digits: where a double says that a learner certainly knows, this one can still change its mind."""
    odds = prior / (1 - prior)
    for right in answered:
        ratio = (1 - slip) / guess if right else slip / (1 - guess)
        odds = (ratio * odds + learn) / (1 - learn)
        yield odds / (1 + odds)


@pytest.mark.parametrize("decay", ["0.8", "0.999", "1"])
def test_ten_thousand_attempts_on_one_target(decay: str, tmp_path: Path) -> None:
    random = Random(decay)  # noqa: S311
    scores = [round(random.random(), 3) for _ in range(10_000)]
    found = mastery(tmp_path, list(answers("k", "ada", scores)), mastery_decay=float(decay), mastery_prior=0.25)
    expected = decayed((Decimal(str(score)) for score in scores), Decimal(decay), Decimal("0.25"), Decimal(1))
    pairs = zip(found["ada", "k"], expected, strict=True)
    assert not [(n, value, right) for n, ((_, value), right) in enumerate(pairs) if abs(value - right) > NEAR]


@pytest.mark.parametrize("decay", ["0", "1.01", "-0.5"])
def test_a_decay_that_is_none_is_refused(decay: str, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.create()
    result = warehouse.attempt("compile", "--select", "mastery_deltas", "--vars", f"mastery_decay: {decay}")
    assert "Set a number from 0.001 to 1" in str(result.exception)


def test_knowledge_tracing_agrees_with_pybkt_and_follows_long_histories(tmp_path: Path) -> None:
    published: dict[tuple[str, str], list[tuple[bool, Decimal]]] = {}
    with VECTORS.open() as file:
        for row in csv.DictReader(file):
            known = published.setdefault((row["learner_id"], row["skill_id"]), [])
            known.append((row["correct"] == "1", Decimal(row["mastery"])))
    long = [True] * 3000 + [False] * 3000 + [True, False] * 2000  # up beyond what a double tells from 1, and back
    expected = {who: [value for _, value in told] for who, told in published.items()}
    with localcontext(prec=50):
        for skill, numbers in PARAMETERS.items():
            expected["long", skill] = list(traced(long, *map(Decimal, numbers)))
    rows = [
        row for (who, skill), told in published.items() for row in answers(skill, who, (float(c) for c, _ in told))
    ]
    rows += [row for skill in PARAMETERS for row in answers(skill, "long", map(float, long))]
    rows += answers("skill-99", "ada", [1.0])
    found = mastery(tmp_path, rows, mastery_bkt=True)

    assert [method for method, _ in found.pop(("ada", "skill-99"))] == ["decayed_mean"], "no parameters, no tracing"
    assert found.keys() == expected.keys()
    for who, values in expected.items():
        assert {method for method, _ in found[who]} == {"bkt"}
        differences = [abs(value - right) for (_, value), right in zip(found[who], values, strict=True)]
        assert max(differences) <= NEAR, who
