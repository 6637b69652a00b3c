"""The protocol as it is: whatever happens, and whenever, every chain is sound in the end.

`MODEL_HISTORIES=20000` tries so many histories instead, others at each run. See docs/model.md.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given

from tests.model.history import LARGEST, LENGTH, from_text, play, to_text
from tests.model.mutants import AS_IT_IS
from tests.model.search import numbers, options

UNJUDGED = replace(AS_IT_IS, watch=frozenset())
ASKED = os.environ.get("MODEL_HISTORIES")


@pytest.mark.timeout(0 if ASKED else 300)
@options(int(ASKED or 2000), shrink=True, repeatable=not ASKED)
@given(numbers)
def test_every_history_ends_sound(history):
    play(history)


def some(count: int) -> list[list[int]]:
    drawn = random.Random(5)  # noqa: S311 - not for secrets
    return [[drawn.randrange(LARGEST) for _ in range(LENGTH)] for _ in range(count)]


def test_a_history_can_be_played_again():
    for history in some(20):
        text = to_text([*history, 0, 0])
        assert from_text(text) == history
        assert play(from_text(text), UNJUDGED).story == play(history, UNJUDGED).story


def test_the_histories_come_to_what_they_are_about():
    """A model that never gets into trouble would find every protocol sound."""
    met: Counter[str] = Counter()
    signs = {
        "slots lost to others": "slot_conflict",
        "ranges lost to retention": "records_lost",
        "topics made again": "topic_made_again",
        "stores that fail": "store_unavailable",
        "brokers that fail": "broker_unavailable",
        "puts that arrive late": "a stray of",
        "puts without an answer": "(it is done)",
        "puts that are sent twice": "is sent twice",
        "rebalances": ": revoked",
        "expulsions": ": lost",
        "crashes": " crashes",
        "moved hints": "is moved to",
    }
    histories = some(300)
    for history in histories:
        world = play(history, UNJUDGED)
        story = "\n".join(world.story)
        met.update(name for name, sign in signs.items() if sign in story)
        met["lost responses found out"] += any(
            one.consumer and one.consumer.summary.recovered for one in world.processes
        )
        met["chains of several writers"] += any(
            len({one.said.nonce for one in chain}) > 2 for chain in world.soundness.chains.values()
        )
    assert {name: count for name, count in met.items() if count < len(histories) // 100} == {}
    assert met.keys() == signs.keys() | {"lost responses found out", "chains of several writers"}
