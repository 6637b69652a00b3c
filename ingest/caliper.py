"""One Caliper event (1.2, and 1.1, which has less) → an event. What each action means: `ingest.caliper_actions`.

The whole event is kept in `metadata`, under `caliper`, and what its envelope says of it under `envelope`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ingest.caliper_actions import ACTIONS, ANONYMOUS, LEARNERS, Rule, term_of
from ingest.durations import seconds_of
from ingest.members import Entity, Number, at, number, present, share, text
from ingest.translation import SUBJECTS, Refusal, Translation, identity_of, instant_of, instant_or_none, named

_NO_PERSONS: Final = frozenset(
    ("SoftwareApplication", "Organization", "CourseOffering", "CourseSection", "Group", "Session")
)
_REASONS: Final = {"LoggedOut": "logged_out", "TimedOut": "timeout"}
_CUSTOM: Final[Rule] = {None: "custom"}


def translate(event: Entity, original: bytes, envelope: Entity) -> Translation | Refusal:
    """The event that a Caliper event becomes, or why it becomes none. `envelope` is without its `data`."""
    kind, action = term_of(text(event.get("type")) or ""), term_of(text(event.get("action")) or "")
    if not action:
        return Refusal.ENTITY if kind and not kind.endswith("Event") else Refusal.NO_VERB
    if not _id_of(event.get("object")):
        return Refusal.NO_OBJECT
    learner = _learner_of(event, kind, action)
    if isinstance(learner, Refusal):
        return learner
    time = instant_of(event.get("eventTime"))
    if isinstance(time, Refusal):
        return time
    event_type = _type_of(event, kind, action)
    sent_at = instant_or_none(envelope.get("sendTime"))
    return Translation(
        event_id=identity_of(event.get("id"), event),
        event_type=named(event_type, f"caliper:{kind or 'Event'}.{action}"),
        timestamp=time,
        learner_id=learner,
        session_id=_session_of(event, kind, action, learner),
        data=_data_of(event, event_type, kind, action),
        metadata={"caliper": msgspec.Raw(original)} | ({"envelope": dict(envelope)} if envelope else {}),
        sent_at=sent_at,
        published_at=sent_at,
    )


def _id_of(entity: Any) -> str | None:
    """The id of an entity, which may be given as its id alone."""
    return text(entity) or text(at(entity, "id"))


def _is(entity: Any, *types: str) -> bool:
    return term_of(text(at(entity, "type")) or "") in types


def _learner_of(event: Entity, kind: str, action: str) -> str | Refusal:
    paths = LEARNERS.get((kind, action), (("actor",),))
    found = next(filter(None, (at(event, *path) for path in paths)), None)
    if _is(found, *_NO_PERSONS):
        return Refusal.NO_LEARNER
    learner = _id_of(found)
    if learner == ANONYMOUS:
        return Refusal.ANONYMOUS
    return learner or Refusal.NO_LEARNER


def _type_of(event: Entity, kind: str, action: str) -> str:
    rule = ACTIONS.get(kind, {}).get(action, _CUSTOM)
    return rule.get(term_of(text(at(_thing_of(event), "type")) or ""), rule[None])


def _thing_of(event: Entity) -> Any:
    """What was done something with: the object; of an attempt, and of its result, what was attempted."""
    found = event.get("object")
    return at(found, "assignable") or at(found, "attempt", "assignable") or found


def _session_of(event: Entity, kind: str, action: str, learner: str) -> str | None:
    """The learner's session. Where the learner is not the actor, only one that is said to be the learner's."""
    sessions = [event.get("session")]
    if kind == "SessionEvent":
        sessions += [each for name in ("generated", "object", "target") if _is(each := event.get(name), "Session")]
    user = next(filter(None, (_id_of(at(each, "user")) for each in sessions)), None)
    owned = user == learner or (kind, action) not in LEARNERS
    return next(filter(None, map(_id_of, sessions)), None) if owned else None


def _data_of(event: Entity, event_type: str, kind: str, action: str) -> dict[str, Any]:
    thing, attempt = _thing_of(event), _attempt_of(event)
    subject = "item_id" if kind == "AssessmentItemEvent" else SUBJECTS.get(event_type, "content_id")
    took = seconds_of(at(event.get("generated"), "duration")) or seconds_of(at(attempt, "duration"))
    found = {
        subject: _id_of(thing),
        "title": text(at(thing, "name")),
        "name": f"{kind or 'Event'}.{action}",
        "attempt": number(at(attempt, "count")),
        "time_spent" if event_type == "lesson_complete" else "duration_seconds": took,
        "skill_id": _skill_of(thing),
        "referrer": _id_of(event.get("referrer")),
        "reason": _REASONS.get(action) if kind == "SessionEvent" else None,
        "roles": at(event, "membership", "roles"),
        **_position_of(event, event_type),
        **_score_of(event),
    }
    if subject == "item_id":
        found["assessment_id"] = _id_of(at(thing, "isPartOf"))
    return present(found)


def _attempt_of(event: Entity) -> Any:
    """The attempt that the event is about: generated by it, answered in it, or graded by it."""
    generated, object_ = event.get("generated"), event.get("object")
    for found in (generated, object_):
        if _is(found, "Attempt"):
            return found
    return at(generated, "attempt") or at(object_, "attempt")


def _skill_of(thing: Any) -> str | None:
    """The first learning objective: an event has room for one, and the original has the others."""
    for name in ("learningObjectives", "alignedLearningObjective"):
        found = at(thing, name)
        if isinstance(found, list) and found:
            return _id_of(found[0])
    return None


def _position_of(event: Entity, event_type: str) -> dict[str, Any]:
    """Where in a recording, and of one that ended, how much of it that is."""
    position, whole = seconds_of(at(event, "target", "currentTime")), seconds_of(at(event, "object", "duration"))
    rate: Number | None = None
    if event_type == "lesson_complete" and position is not None and whole:
        rate = share(min(position, whole), whole)
    return {"position_seconds": position, "completion_rate": rate}


def _score_of(event: Entity) -> dict[str, Any]:
    """The score that was given; its maximum may stand with what was attempted only."""
    score = event.get("generated")
    if not _is(score, "Score"):
        return {}
    most = number(at(score, "maxScore"))
    return {
        "score": number(at(score, "scoreGiven")),
        "max_score": most if most is not None else number(at(_thing_of(event), "maxScore")),
    }
