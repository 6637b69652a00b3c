"""Histories, drawn by hypothesis: how they are searched for one that fails, and made small."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from tests.model.history import LENGTH, Failed, play
from tests.model.mutants import AS_IT_IS, Mutant


def _read(drawn: bytes) -> list[int]:
    return [int.from_bytes(drawn[at : at + 3]) for at in range(0, len(drawn), 3)]


numbers = st.binary(min_size=3 * LENGTH, max_size=3 * LENGTH).map(_read)  # lists of numbers take ten times as long


def options(histories: int, *, shrink: bool, repeatable: bool) -> settings:
    """Hypothesis's settings for so many histories."""
    return settings(
        max_examples=histories,
        derandomize=repeatable,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )


def failure(mutant: Mutant, histories: int, *, seed: int = 0, shrink: bool = False) -> Failed | None:
    """The first of so many histories that fails, or with `shrink` the smallest that hypothesis makes of it."""
    wanted, drawn = options(histories, shrink=shrink, repeatable=False), random.Random(seed)  # noqa: S311
    try:
        found = find(numbers, lambda one: failed(one, mutant) is not None, settings=wanted, random=drawn)
    except NoSuchExample:
        return None
    return failed(found, mutant)


def failed(history: Sequence[int], mutant: Mutant = AS_IT_IS) -> Failed | None:
    """How a history fails, or None."""
    try:
        play(history, mutant)
    except Failed as error:
        return error
    return None
