"""xAPI statements → events: one sample a profile, the learner, the session, the scores, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.bridge import STANDARDS, mapped
from ingest.documents import Piece
from ingest.xapi_verbs import KINDS, VERBS

ADL = "http://adlnet.gov/expapi/verbs/"
TYPES = Path(__file__).parent.parent / "dbt_project/seeds/event_types.csv"
TYPE = "http://adlnet.gov/expapi/activities/"
JO = {"objectType": "Agent", "account": {"homePage": "https://lms.example.org", "name": "4711"}}
QUIZ = {"id": "https://x.org/quiz", "definition": {"type": TYPE + "assessment", "name": {"en": "Quiz"}}}
UNIT = {
    "id": "https://x.org/unit",
    "definition": {"type": TYPE + "lesson", "name": {"de": "Lektion", "en-GB": "Unit"}},
}
OBJECTIVE = {"id": "https://x.org/skills/fractions", "definition": {"type": TYPE + "objective"}}
QUESTION = {"id": "https://x.org/q1", "definition": {"type": TYPE + "cmi.interaction", "interactionType": "choice"}}


def statement(verb: str, thing: dict[str, Any], /, **more: Any) -> dict[str, Any]:
    found = {
        "id": "7ccd3322-e1a5-411a-a67d-6a735c76f119",
        "actor": JO,
        "verb": {"id": verb if ":" in verb else ADL + verb},
        "object": thing,
        "timestamp": "2025-09-05T10:00:00Z",
    } | more
    return {name: value for name, value in found.items() if value is not None}


def outcome(record: Any) -> Any:
    return mapped(Piece("", json.dumps(record).encode()), STANDARDS["xapi"])


def event(record: Any) -> dict[str, Any]:
    found = outcome(record)
    assert not isinstance(found, str), found
    value = json.loads(found[1])
    assert found[0] == value.get("event", value)["learner_id"].encode()
    return value.get("event", value)


@pytest.mark.parametrize(
    ("sent", "event_type", "data"),
    [
        (statement("initialized", UNIT), "lesson_start", {"lesson_id": UNIT["id"], "title": "Unit"}),
        (statement("attempted", QUIZ), "assessment_start", {"assessment_id": QUIZ["id"], "title": "Quiz"}),
        (
            statement("completed", UNIT, result={"completion": True, "duration": "PT1H0.5S"}),
            "lesson_complete",
            {
                "lesson_id": UNIT["id"],
                "title": "Unit",
                "completion": True,
                "completion_rate": 1,
                "time_spent": 3600.5,
            },
        ),
        (
            statement(
                "passed", QUIZ, result={"score": {"raw": 17, "max": 20}, "success": True, "duration": "P1DT2H"}
            ),
            "assessment_complete",
            {
                "assessment_id": QUIZ["id"],
                "title": "Quiz",
                "success": True,
                "score": 17,
                "max_score": 20,
                "duration_seconds": 93_600,
            },
        ),
        (
            statement("failed", {"id": "https://x.org/au"}, result={"score": {"scaled": 0.25, "raw": 30, "min": 20}}),
            "assessment_complete",
            {"assessment_id": "https://x.org/au", "score_scaled": 0.25, "score_raw": 30, "score_min": 20},
        ),
        (
            statement(
                "answered",
                QUESTION,
                result={"success": False, "response": "b"},
                context={
                    "contextActivities": {"parent": [QUIZ], "other": [OBJECTIVE]},
                    "extensions": {"http://id.tincanapi.com/extension/attempt-id": 3},
                },
            ),
            "item_answered",
            {
                "item_id": QUESTION["id"],
                "correct": False,
                "response": "b",
                "attempt": 3,
                "assessment_id": QUIZ["id"],
                "skill_id": OBJECTIVE["id"],
            },
        ),
        (
            statement("mastered", OBJECTIVE, result={"score": {"scaled": 0.9}}),
            "mastery_updated",
            {"skill_id": OBJECTIVE["id"], "score_scaled": 0.9, "mastery_after": 0.9},
        ),
        (statement("mastered", UNIT), "mastery_updated", {"content_id": UNIT["id"], "title": "Unit"}),
        (statement("experienced", UNIT), "resource_access", {"resource_id": UNIT["id"], "title": "Unit"}),
        (
            statement(
                "http://id.tincanapi.com/verb/viewed",
                {"id": "https://x.org/", "definition": {"type": "http://activitystrea.ms/schema/1.0/page"}},
            ),
            "page_view",
            {"page_id": "https://x.org/"},
        ),
        (statement("suspended", UNIT), "lesson_paused", {"content_id": UNIT["id"], "title": "Unit"}),
        (
            statement(
                "progressed",
                UNIT,
                result={"extensions": {"https://w3id.org/xapi/cmi5/result/extensions/progress": 40}},
            ),
            "interaction",
            {"content_id": UNIT["id"], "title": "Unit", "completion_rate": 0.4},
        ),
        (
            statement("https://w3id.org/xapi/adl/verbs/abandoned", UNIT),
            "session_end",
            {"content_id": UNIT["id"], "title": "Unit", "reason": "abandoned"},
        ),
        (
            statement("https://w3id.org/xapi/video/verbs/seeked", {"id": "https://x.org/v"}),
            "interaction",
            {"content_id": "https://x.org/v"},
        ),
        # what is known, and no type of ours: the type is the verb, which staging maps to `custom`
        (statement("commented", UNIT), ADL + "commented", {"content_id": UNIT["id"], "title": "Unit"}),
        (statement("urn:x:juggled", UNIT), "urn:x:juggled", {"content_id": UNIT["id"], "title": "Unit"}),
        (statement("urn:x:" + "j" * 300, UNIT), "custom", {"content_id": UNIT["id"], "title": "Unit"}),
        # an object that is no activity names nothing that an event could be about
        (statement("completed", {"objectType": "Agent", "mbox": "mailto:a@b.org"}), ADL + "completed", {}),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_a_statement_becomes_an_event(sent, event_type, data):
    found = event(sent)
    assert found["event_type"] == event_type
    assert found["data"] | data == found["data"]
    assert set(found["data"]) == set(data) | {"name"}
    assert found["metadata"] == {"xapi": sent}
    assert (found["learner_id"], found["timestamp"]) == ("https://lms.example.org|4711", "2025-09-05T10:00:00Z")


def test_without_a_type_it_is_the_answer_or_the_score_that_tells():
    asked = {"id": "https://x.org/h5p", "definition": {"interactionType": "fill-in"}}
    assert event(statement("completed", asked))["event_type"] == "item_answered"
    scored = statement("completed", {"id": "https://x.org/h5p"}, result={"score": {"raw": 1, "max": 2}})
    assert event(scored)["event_type"] == "assessment_complete"
    assert event(statement("completed", {"id": "https://x.org/h5p"}))["event_type"] == "lesson_complete"


@pytest.mark.parametrize(
    ("score", "data"),
    [
        ({"raw": 8, "min": 0, "max": 10}, {"score": 8, "score_min": 0, "max_score": 10}),
        ({"raw": 80}, {"score": 80}),
        ({"raw": 15, "min": 10, "max": 20}, {"score_scaled": 0.5, "score_raw": 15, "score_min": 10, "score_max": 20}),
        ({"raw": 15, "min": 20, "max": 20}, {"score_raw": 15, "score_min": 20, "score_max": 20}),
        ({"scaled": -0.5}, {"score_scaled": -0.5}),
        ({"raw": "8", "max": True}, {}),
        ("8/10", {}),
    ],
)
def test_scores_are_what_staging_reads_or_keep_their_own_names(score, data):
    found = event(statement("scored", QUIZ, result={"score": score}))["data"]
    assert {name: value for name, value in found.items() if "score" in name} == data


def test_digits_are_kept():
    raw = json.dumps(statement("scored", QUIZ)).replace('"object"', '"result":{"score":{"scaled":0.9000},},"object"')
    found = mapped(Piece("", raw.replace(",}", "}").encode()), STANDARDS["xapi"])
    assert b'"score_scaled":0.9000' in found[1]


@pytest.mark.parametrize(
    ("actor", "learner"),
    [
        ({"mbox": "mailto:Jo.Doe@Example.ORG"}, "mailto:Jo.Doe@example.org"),
        (
            {"mbox_sha1sum": "EBD31E95054C018B10727CCFFD2EF2EC3A016EE9"},
            "sha1:ebd31e95054c018b10727ccffd2ef2ec3a016ee9",
        ),
        ({"openid": "https://jo.example.org/"}, "https://jo.example.org/"),
        ({"account": {"homePage": "https://a.org", "name": "b|c d"}}, "https://a.org|b|c d"),
        ({"account": {"homePage": "", "name": "x"}, "mbox": "mailto:a@b.c"}, "mailto:a@b.c"),
        ({"name": "Jo", "objectType": "Agent"}, "no_learner"),
        ({"account": {"homePage": "https://a.org|b", "name": "c"}}, "no_learner"),
        ({"mbox": "jo@example.org"}, "no_learner"),
        ({"mbox": 7}, "no_learner"),
        ("mailto:a@b.c", "no_learner"),
        (None, "no_learner"),
        ({"objectType": "Group", "mbox": "mailto:team@b.c"}, "group"),
        ({"objectType": "Group", "member": [{"mbox": "mailto:a@b.c"}]}, "group"),
        ({"account": {"homePage": "https://a.org", "name": "n" * 300}}, "too_long:learner_id"),
    ],
)
def test_the_learner_has_one_text(actor, learner):
    found = outcome(statement("initialized", UNIT, actor=actor))
    assert (found if isinstance(found, str) else found[0].decode()) == learner


def test_the_session_is_the_sittings_and_else_the_registration():
    registration = "ec531277-b57b-4c15-8d91-d292c5b2b8f7"
    inside = {"https://w3id.org/xapi/cmi5/context/extensions/sessionid": "s-1"}
    context = {"registration": registration, "extensions": inside}
    assert event(statement("initialized", UNIT, context=context))["session_id"] == "s-1"
    assert event(statement("initialized", UNIT, context={"registration": registration}))["session_id"] == registration
    assert "session_id" not in event(statement("initialized", UNIT, context={"extensions": []}))


@pytest.mark.parametrize(
    ("timestamp", "stored", "found"),
    [
        ("2025-09-05T10:00:00.123456789+02:00", None, "2025-09-05T08:00:00.123456Z"),
        ("2025-09-05T10:00:00+0200", None, "2025-09-05T08:00:00Z"),
        ("2025-09-05T10:00:00", None, "2025-09-05T10:00:00Z"),
        (None, "2025-09-05T11:00:00Z", "2025-09-05T11:00:00Z"),
        ("2025-02-30T10:00:00Z", "2025-09-05T11:00:00Z", "bad_time"),
        (1757066400000, None, "bad_time"),
        ("0001-01-01T00:00:00+10:00", None, "bad_time"),
        ("", None, "no_time"),
        (None, None, "no_time"),
    ],
)
def test_the_time_is_an_instant_in_utc(timestamp, stored, found):
    sent = statement("initialized", UNIT, timestamp=timestamp, stored=stored)
    assert found in {outcome(sent) if isinstance(outcome(sent), str) else event(sent)["timestamp"]}


def test_stored_is_when_a_collector_received_it_and_moves_nothing():
    """As `sent_at` it would move a file of last year's statements to today."""
    sent = statement("initialized", UNIT, stored="2024-01-01T00:00:01.5Z", timestamp="2024-01-01T00:00:00Z")
    wrapped = json.loads(outcome(sent)[1])
    assert wrapped["published_at"] == "2024-01-01T00:00:01.500000Z"
    assert "sent_at" not in wrapped["event"]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (
            statement("voided", {"objectType": "StatementRef", "id": "7ccd3322-e1a5-411a-a67d-6a735c76f119"}),
            "voiding",
        ),
        (statement("initialized", UNIT, verb={"display": {"en": "began"}}), "no_verb"),
        (statement("initialized", UNIT, verb=["x"]), "no_verb"),
        (statement("initialized", UNIT, object=None), "no_object"),
        (statement("initialized", UNIT, object="https://x.org/unit"), "no_object"),
        ([], "not_object"),
        (17, "not_object"),
    ],
)
def test_what_is_no_activity_of_a_learners_is_refused(sent, reason):
    assert outcome(sent) == reason


def test_an_id_is_the_statements_or_one_of_its_content():
    own = event(statement("initialized", UNIT, id="7CCD3322-E1A5-411A-A67D-6A735C76F119"))["event_id"]
    assert own == "7ccd3322-e1a5-411a-a67d-6a735c76f119"
    bare = statement("initialized", UNIT, id=None)
    again = dict(reversed(bare.items()))
    assert event(bare)["event_id"] == event(again)["event_id"] != own
    others = [bare | {"timestamp": "2025-09-05T10:00:01Z"}, bare | {"id": 7}, bare | {"id": "x" * 256}]
    assert len({event(each)["event_id"] for each in [bare, *others]}) == 4


def test_the_tables_name_types_of_ours():
    types = {line.split(",")[0] for line in TYPES.read_text().splitlines()[1:]}
    assert {kind for rule in VERBS.values() for kind in rule.values()} <= types
    assert all(None in rule for rule in VERBS.values())
    assert len(KINDS) > 20
