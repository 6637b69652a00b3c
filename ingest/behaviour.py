"""What learners do: the steps of a visit, in an order and at a pace that real ones could have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Event = dict[str, Any]

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

#: Canonical event types and what older clients call them.
SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "page_view": ("page_viewed",),
    "interaction": ("lesson_paused", "lesson_resumed"),
    "lesson_start": ("lesson_started",),
    "lesson_complete": ("lesson_completed",),
    "assessment_start": ("assessment_started",),
    "assessment_complete": ("assessment_completed", "assessment_submitted"),
    "item_answered": ("item_submitted",),
    "mastery_updated": ("progress_updated",),
    "resource_access": ("resource_accessed",),
    "session_start": (),
    "session_end": (),
    "heartbeat": (),
    "error": (),
    "custom": ("badge_earned", "note_taken", "forum_posted"),
}
CANONICAL: Final = {sent: name for name, older in SYNONYMS.items() for sent in (name, *older)}
_TITLES: Final = ("Fractions as parts of a whole", "Áreas y perímetros", "光合成のしくみ", "The water cycle")


class Learner(NamedTuple):
    """One learner. `key` is that of their records, `ability` the share of answers that are right."""

    key: bytes
    name: str
    tenant: str
    ability: float


#: One thing a learner does: its canonical type, its payload, and the milliseconds until the next.
Step = tuple[str, Event, int]


def visit(rand: Callable[[], float], ability: float) -> Iterator[Step]:
    """What one learner does from arriving to leaving, about 25 events."""
    yield "session_start", {}, _between(rand, 1, 5)
    while rand() < 0.8:
        page = f"page-{int(rand() * 400):03d}"
        yield "page_view", {"page_id": page, "referrer": "/courses/overview"}, _between(rand, 5, 90)
        roll = rand()
        activity = _lesson if roll < 0.45 else _assessment if roll < 0.75 else _browsing
        yield from activity(rand, ability)
    if rand() < 0.7:
        yield "session_end", {"reason": "logout" if rand() < 0.8 else "closed"}, 0


def _lesson(rand: Callable[[], float], ability: float) -> Iterator[Step]:
    number = int(rand() * 250)
    lesson = f"lesson-{number:03d}"
    yield "lesson_start", {"lesson_id": lesson, "title": _TITLES[number % 4]}, _between(rand, 20, 200)
    spent = 0
    while rand() < 0.6:
        element = {"element": f"video-{int(rand() * 9)}", "content_id": lesson, "page": f"page-{number}"}
        wait = _between(rand, 10, 240)
        spent += wait // SECOND
        yield "interaction", element, wait
    if rand() < 0.3:
        yield "heartbeat", {"interval_seconds": 60}, MINUTE
    if rand() < 0.75:
        done = {"lesson_id": lesson, "completion_rate": round(0.6 + 0.4 * rand(), 2), "time_spent": spent}
        yield "lesson_complete", done, _between(rand, 2, 40)
        if rand() < 0.3:
            yield "mastery_updated", _mastery(rand, f"skill-{number % 40:02d}", ability), _between(rand, 1, 20)


def _assessment(rand: Callable[[], float], ability: float) -> Iterator[Step]:
    number, attempt = int(rand() * 80), 1 + int(rand() * 2)
    which = {"assessment_id": f"assessment-{number:02d}", "attempt": attempt}
    skill, right, items = f"skill-{number % 40:02d}", 0, 3 + int(rand() * 6)
    yield "assessment_start", {**which, "title": _TITLES[number % 4]}, _between(rand, 5, 40)
    for item in range(items):
        correct = rand() < ability
        right += correct
        answer = {"item_id": f"item-{number:02d}-{item}", "correct": correct, "skill_id": skill, **which}
        yield "item_answered", answer, _between(rand, 8, 120)
    score = {"score": right, "max_score": items} if rand() < 0.7 else {"score": round(100 * right / items)}
    took = {"duration_seconds": 40 + int(rand() * 900), "skill_id": skill}
    yield "assessment_complete", {**which, **score, **took}, _between(rand, 2, 60)
    if rand() < 0.5:
        yield "mastery_updated", _mastery(rand, skill, ability), _between(rand, 1, 20)


def _browsing(rand: Callable[[], float], _ability: float) -> Iterator[Step]:
    resource = f"resource-{int(rand() * 300):03d}"
    yield "resource_access", {"resource_id": resource, "kind": "pdf"}, _between(rand, 10, 300)
    if rand() < 0.2:
        yield "error", {"error_type": "network", "error_message": "timeout after 30 s"}, _between(rand, 1, 10)
    if rand() < 0.2:
        yield "custom", {"name": f"shelf-{int(rand() * 9)}"}, _between(rand, 1, 60)


def _mastery(rand: Callable[[], float], skill: str, ability: float) -> Event:
    before = round(ability * (0.6 + 0.3 * rand()), 3)
    after = round(min(1.0, before + 0.1 * rand()), 3)
    return {"skill_id": skill, "mastery_before": before, "mastery_after": after, "mastery_model": "bkt"}


def _between(rand: Callable[[], float], low: int, high: int) -> int:
    """A number of milliseconds between two numbers of seconds, mostly near the lower."""
    return int((low + (high - low) * rand() ** 2) * SECOND)
