"""The score of an event as a fraction 0..1, and what is odd about it."""

from __future__ import annotations

from typing import NamedTuple

from tests.dbt.reference.payloads import Members, number, truth


class Score(NamedTuple):
    scaled: float | None = None
    assumed_percent: bool = False
    out_of_range: bool = False
    bad_max_score: bool = False


def score(payload: Members) -> Score:
    """From score / max_score; else score_scaled; else correct; else score as a percentage."""
    highest = number(payload.get("max_score"))
    if highest is not None and highest <= 0:
        return Score(bad_max_score=True)
    fraction, assumed = _fraction(payload, highest)
    if fraction is None or 0 <= fraction <= 1:
        return Score(fraction, assumed)
    return Score(assumed_percent=assumed, out_of_range=True)


def _fraction(payload: Members, highest: float | None) -> tuple[float | None, bool]:
    """The score before its range is looked at, and whether it was taken for a percentage."""
    points, scaled = number(payload.get("score")), number(payload.get("score_scaled"))
    correct = truth(payload.get("correct"))
    if points is not None and highest is not None:
        return points / highest, False
    if scaled is not None:
        return scaled, False
    if correct is not None:
        return float(correct), False
    if points is not None:
        return points / 100, True
    return None, False
