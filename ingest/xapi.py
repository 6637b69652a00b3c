"""One xAPI statement (1.0.3) → an event. What each verb means stands in `ingest.xapi_verbs`.

The whole statement is kept in `metadata`, under `xapi`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ingest.members import Entity, at, text
from ingest.translation import Refusal, Translation, identity_of, instant_of, instant_or_none, named
from ingest.xapi_actors import learner_of
from ingest.xapi_payload import activity_of, data_of, kind_of
from ingest.xapi_verbs import CUSTOM, SESSIONS, VERBS, VOIDED, Kind, Rule


def translate(statement: Entity, original: bytes, _around: Entity) -> Translation | Refusal:
    """The event that a statement becomes, or why it becomes none."""
    verb, object_ = text(at(statement, "verb", "id")), at(statement, "object")
    if verb is None:
        return Refusal.NO_VERB
    if verb == VOIDED:
        return Refusal.VOIDING
    if not isinstance(object_, dict):
        return Refusal.NO_OBJECT
    learner = learner_of(at(statement, "actor"))
    if isinstance(learner, Refusal):
        return learner
    time = instant_of(_time_of(statement))
    if isinstance(time, Refusal):
        return time
    kind, activity = kind_of(statement), activity_of(object_)
    event_type = _type_of(VERBS.get(verb, CUSTOM), kind, activity)
    return Translation(
        event_id=identity_of(statement.get("id"), statement),
        event_type=named(event_type, verb),
        timestamp=time,
        learner_id=learner,
        session_id=_session_of(statement),
        data=data_of(statement, event_type, kind),
        metadata={"xapi": msgspec.Raw(original)},
        published_at=instant_or_none(statement.get("stored")),
    )


def _time_of(statement: Entity) -> Any:
    """The time of a statement; when it was stored, if it has none."""
    time = statement.get("timestamp")
    return statement.get("stored") if time is None or time == "" else time


def _type_of(rule: Rule, kind: Kind | None, activity: str | None) -> str:
    """The event type; an event about a thing needs the thing's id, and is `custom` without."""
    event_type = rule.get(kind, rule[None])
    return event_type if activity or event_type.startswith("session_") else "custom"


def _session_of(statement: Entity) -> str | None:
    named_ = (text(at(statement, "context", "extensions", name)) for name in SESSIONS)
    return next(filter(None, named_), None) or text(at(statement, "context", "registration"))
