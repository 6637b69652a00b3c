"""What a statement says of its activity and of the result, as members of an event's `data`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ingest.durations import seconds_of
from ingest.members import Entity, Number, at, number, present, share, text, truth
from ingest.translation import SUBJECTS
from ingest.xapi_verbs import ATTEMPT, KINDS, PROGRESS, Kind

_NEAR: Final = ("parent", "grouping", "category", "other")  #: context activities, the nearest first


def activity_of(object_: Any) -> str | None:
    """The id of an activity; None for a person, a statement or whatever else an object may be."""
    return text(at(object_, "id")) if at(object_, "objectType") in (None, "Activity") else None


def kind_of(statement: Entity) -> Kind | None:
    """What sort of thing the object is: by its type; without a known one by how it is answered or scored."""
    definition = at(statement, "object", "definition")
    if (kind := _kind_named(definition)) is not None:
        return kind
    if text(at(definition, "interactionType")):
        return Kind.ITEM
    return Kind.ASSESSMENT if at(statement, "result", "score") else None


def _kind_named(definition: Any) -> Kind | None:
    return KINDS.get(text(at(definition, "type")) or "")


def data_of(statement: Entity, event_type: str, kind: Kind | None) -> dict[str, Any]:
    """The payload of an event of the type."""
    object_, result = at(statement, "object"), at(statement, "result")
    language = text(at(statement, "context", "language"))
    found = {
        _subject(event_type, kind): activity_of(object_),
        "title": _in_words(at(object_, "definition", "name"), language),
        "name": _in_words(at(statement, "verb", "display"), language) or _last_part(at(statement, "verb", "id")),
        **_result_of(event_type, result),
        "attempt": _attempt_of(statement),
    }
    if event_type == "session_end":
        found["reason"] = _last_part(at(statement, "verb", "id"))
    if event_type in {"item_answered", "assessment_complete", "mastery_updated"}:
        found |= _around(statement, kind)
    return present(found)


def _subject(event_type: str, kind: Kind | None) -> str:
    about_skill = event_type == "mastery_updated" and kind is Kind.SKILL
    return "skill_id" if about_skill else SUBJECTS.get(event_type, "content_id")


def _around(statement: Entity, kind: Kind | None) -> dict[str, Any]:
    """The assessment and the skill that the context names, if the object is neither."""
    wanted: dict[Kind | None, str] = {} if kind is Kind.SKILL else {Kind.SKILL: "skill_id"}
    if kind is Kind.ITEM:
        wanted[Kind.ASSESSMENT] = "assessment_id"
    found: dict[str, Any] = {}
    for activity in _context_activities(statement):
        near = _kind_named(at(activity, "definition"))
        if near in wanted:
            found.setdefault(wanted[near], activity_of(activity))
    return found


def _context_activities(statement: Entity) -> Iterator[Any]:
    for place in _NEAR:
        found = at(statement, "context", "contextActivities", place)
        yield from found if isinstance(found, list) else [found]  # before 1.0 it was one activity


def _result_of(event_type: str, result: Any) -> dict[str, Any]:
    duration = seconds_of(at(result, "duration"))
    success, scores = truth(at(result, "success")), _scores(at(result, "score"))
    found: dict[str, Any] = {
        "time_spent" if event_type == "lesson_complete" else "duration_seconds": duration,
        "correct" if event_type == "item_answered" else "success": success,
        "completion": truth(at(result, "completion")),
        "completion_rate": _completion_rate(result),
        "response": text(at(result, "response")),
        **scores,
    }
    if event_type == "mastery_updated":
        found["mastery_after"] = scores.get("score_scaled")
    return found


def _scores(score: Any) -> dict[str, Any]:
    """Raw and maximum as staging divides them, unless the source has scaled the score itself or begins above 0."""
    scaled, raw, least, most = (number(at(score, name)) for name in ("scaled", "raw", "min", "max"))
    if scaled is None and not least:
        return present({"score": raw, "max_score": most, "score_min": least})
    if scaled is None and raw is not None and least is not None and most is not None and most > least:
        scaled = share(raw, most, least)
    return present({"score_scaled": scaled, "score_raw": raw, "score_min": least, "score_max": most})


def _completion_rate(result: Any) -> Number | None:
    for extension, whole in PROGRESS.items():
        so_far = number(at(result, "extensions", extension))
        if so_far is not None and 0 <= so_far <= whole:
            return so_far if whole == 1 else share(so_far, whole)
    return 1 if truth(at(result, "completion")) else None


def _attempt_of(statement: Entity) -> Number | None:
    places = (("result",), ("object", "definition"), ("context",))
    found = (number(at(statement, *place, "extensions", ATTEMPT)) for place in places)
    return next((each for each in found if each is not None), None)


def _in_words(words: Any, language: str | None) -> str | None:
    """One text of a language map: in the statement's language, else in English, else in the first by its code."""
    if not isinstance(words, dict):
        return None
    there = {code: each for code, each in sorted(words.items()) if text(each)}
    for wanted in (language, "en", "en-US", "en-GB"):
        if wanted in there:
            return str(there[wanted])
    return next((str(each) for each in there.values()), None)


def _last_part(iri: str) -> str:
    return iri.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1]
