"""Is `ingest consume` as near to its limits as it was? By ratios of one run; never by a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

EXPECTED = Path(__file__).parent / "expected.json"
#: A ratio below this share of the expected one fails: noise alone does not bring one so low.
SLACK = 0.5
WORDS = {
    "of_c": "of counting in C",
    "of_python": "of counting in Python",
    "of_hand_written": "times the best loop written by hand",
}


def expected(reader: str) -> dict[str, float]:
    """What is expected with the compiled reader, or of reading in Python."""
    found: dict[str, dict[str, float]] = json.loads(EXPECTED.read_text())
    return found[reader]


def verdicts(found: Mapping[str, float], wanted: Mapping[str, float]) -> list[tuple[str, bool]]:
    """A sentence for each expected ratio, and whether it holds. One that could not be measured is no failure."""
    return [_verdict(name, found.get(name), figure) for name, figure in wanted.items()]


def _verdict(name: str, ratio: float | None, figure: float) -> tuple[str, bool]:
    if ratio is None:
        return f"not measured: {WORDS[name]}", True
    least = figure * SLACK
    good = ratio >= least
    return f"{ratio:.2f} {WORDS[name]} (expected {figure:.2f}, {'not ' if good else ''}below {least:.2f})", good
