"""Generated payloads: of every event type, whole and with what producers get wrong.

Few ids and few values, so that within one history things meet: attempts at one item, learners at one lesson, reports
and scores of one skill.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

Payload = dict[str, Any]

#: Canonical types with every name they come under.
NAMES = {
    "page_view": ("page_view", "page_viewed"),
    "interaction": ("interaction", "lesson_paused", "lesson_resumed"),
    "lesson_start": ("lesson_start", "lesson_started"),
    "lesson_complete": ("lesson_complete", "lesson_completed"),
    "assessment_start": ("assessment_start", "assessment_started"),
    "assessment_complete": ("assessment_complete", "assessment_completed", "assessment_submitted"),
    "item_answered": ("item_answered", "item_submitted"),
    "mastery_updated": ("mastery_updated", "progress_updated"),
    "resource_access": ("resource_access", "resource_accessed"),
    "session_start": ("session_start",),
    "session_end": ("session_end",),
    "heartbeat": ("heartbeat",),
    "error": ("error",),
    # "Error" is no synonym: types are compared letter for letter.
    "custom": ("custom", "lesson_teleported", "Error", "page_view "),
}
#: Mastery rests on a learner's evidence of one target, which must be more than one piece.
_FREQUENCIES = {"item_answered": 5, "assessment_complete": 4, "mastery_updated": 4, "lesson_complete": 2}

#: Texts that are no JSON: cut off, empty, half a surrogate pair, two values.
UNREADABLE = ('{"lesson_id": "l1"', "", '{"lesson_id": "l1", "title": "\\ud800"}', '{"lesson_id": "l1"} {}')
#: JSON that says little: no object, a nested id, escapes, a key that stands twice, ids that are numbers.
ODD = (
    "{}",
    "[]",
    "null",
    '"lesson_id"',
    '{"lesson_id": {"n": 1, "of": ["l1", null]}}',
    '{"page_id": "p\\u0031", "title": "\\ud83d\\ude00 \\"quoted\\" \\u0000"}',
    '{"lesson_id": "l1", "lesson_id": "l2", "score": 10, "score": 20}',
    '{"lesson_id": 7, "assessment_id": true, "item_id": 12, "score": 85}',
    '{"lesson_id": null, "assessment_id": "", "page_id": "p1", "score": null, "max_score": null}',
)


def event_type(random: Random, zeal: int = 1) -> tuple[str, str]:
    """A canonical type, and the name that this event has for it. The more zeal, the more evidence of mastery."""
    canonical = random.choices(list(NAMES), [_FREQUENCIES.get(name, 1) ** zeal for name in NAMES])[0]
    return canonical, random.choice(NAMES[canonical])


def payload(random: Random, canonical: str) -> str:
    """The JSON text of a payload of that type; now and then of none that could be meant."""
    chance = random.random()
    if chance < 0.02:
        return random.choice(UNREADABLE)
    if chance < 0.07:
        return random.choice(ODD)
    made = _PAYLOADS.get(canonical, _plain)(random)
    if random.random() < 0.08:
        made |= _several_ids(random)
    return json.dumps(made)


def graded_anew(random: Random, text: str) -> str | None:
    """The same attempt with another result; None where the payload tells of no attempt."""
    try:
        given = json.loads(text)
    except ValueError:
        return None
    if not isinstance(given, dict) or "attempt" not in given:
        return None
    results = {"score", "score_scaled", "max_score", "correct", "mastery_after"} & given.keys()
    renewed = {"mastery_after": _mastery(random)} if "mastery_after" in results else _result(random)
    return json.dumps({name: value for name, value in given.items() if name not in results} | renewed)


def _plain(random: Random) -> Payload:
    return _some(random, 0.5, interval_seconds=30, reason="timer", name="x") | _id(random, "content", 0.3)


def _page_view(random: Random) -> Payload:
    return _id(random, "page") | _some(random, 0.3, referrer="home")


def _lesson(random: Random) -> Payload:
    return _id(random, "lesson", 0.85) | _some(random, 0.3, completion_rate=1, time_spent=60, title="é")


def _assessment(random: Random) -> Payload:
    return _id(random, "assessment", 0.85) | _attempt(random)


def _assessment_complete(random: Random) -> Payload:
    graded = _result(random) if random.random() < 0.85 else {}
    return _assessment(random) | graded | _id(random, "skill", 0.2) | _some(random, 0.2, duration_seconds=90)


def _item_answered(random: Random) -> Payload:
    named = _id(random, "item", 0.8) | _id(random, "skill", 0.7) | _id(random, "assessment", 0.2)
    return named | _attempt(random) | (_result(random) if random.random() < 0.9 else {})


def _mastery_updated(random: Random) -> Payload:
    """About skill k2 or k3, so that k1 is known from scores alone; or about content, assessments among it."""
    about = random.choice((*({"skill_id": name} for name in ("k2", "k3")), _id(random, "lesson"),
                           _id(random, "assessment"), {"content_id": "c1"}, {}))  # fmt: skip
    told: Payload = {"mastery_after": _mastery(random)}
    told |= {"mastery_before": _mastery(random)} if random.random() < 0.5 else {}
    told |= {"confidence": _mastery(random)} if random.random() < 0.5 else {}
    return (
        about | told | _some(random, 0.3, mastery_model="bkt") | (_attempt(random) if random.random() < 0.3 else {})
    )


def _resource(random: Random) -> Payload:
    return _id(random, "resource", 0.9)


_PAYLOADS: dict[str, Callable[[Random], Payload]] = {
    "page_view": _page_view,
    "lesson_start": _lesson,
    "lesson_complete": _lesson,
    "assessment_start": _assessment,
    "assessment_complete": _assessment_complete,
    "item_answered": _item_answered,
    "mastery_updated": _mastery_updated,
    "resource_access": _resource,
}


def _id(random: Random, kind: str, share: float = 0.9) -> Payload:
    """`{kind}_id` with one of two values, usually."""
    letter = "k" if kind == "skill" else kind[0]
    named = {f"{kind}_id": f"{letter}{random.choice((1, 1, 1, 2))}"}
    return named if random.random() < share else random.choice(({}, {f"{kind}_id": None}, {f"{kind}_id": ""}))


def _several_ids(random: Random) -> Payload:
    kinds = ("lesson", "assessment", "resource", "page", "content", "item", "skill")
    return {f"{kind}_id": f"{kind[0]}1" for kind in random.sample(kinds, 2)}


def _some(random: Random, share: float, **values: Any) -> Payload:
    return {name: value for name, value in values.items() if random.random() < share}


def _attempt(random: Random) -> Payload:
    usual = random.random() < 0.8
    attempts = (1, 1, 2, "1", 12) if usual else ("2.0", 1e0, 0, -1, 1.5, "second", None, "", "9" * 20, "1e30")
    return {"attempt": random.choice(attempts)} if random.random() < 0.7 else {}


def _result(random: Random) -> Payload:
    """A score in any of the forms it may have, some of them unusable."""
    points = random.choice((0, 1, 2, 2.5, 3, 4, 5, -1, "3", "3.0e0", 0.000000001))
    return random.choice((
        {"score": points, "max_score": 4},
        {"score": points, "max_score": random.choice(("4", 4.0, 3, 7, 100, 0, -4, "inf", " 4", "0.0"))},
        {"score": points, "max_score": 4, "correct": False, "score_scaled": 0.9},
        {"score": random.choice((85, 92, 0, 100, 100.001, 120, -0.5, "85", "nan", "eighty", "1e20", "1e999"))},
        {"score_scaled": random.choice((0.5, 0.85, 1, 0, 1.01, -0.01, "0.25", 1 / 3, "1e-9", "9" * 16))},
        {"score_scaled": 0.7, "score": 3},
        {"correct": random.choice((True, False, True, False, "1", "true", "maybe", None))},
        {"correct": random.choice((True, False)), "score": points},
    ))  # fmt: skip


def _mastery(random: Random) -> float | str | None:
    """Steps of 0.0005 around one half lie on both sides of the tolerated 0.001; some values count for nothing."""
    if random.random() < 0.6:
        return random.choice((0.499, 0.5, 0.5005, 0.501, 0.5015))
    return random.choice((0.75, 0.123456789, 2 / 3, 0, 1, "0.8", 0.6, 1.001, -0.2, "nan", None, 85))
