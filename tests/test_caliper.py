"""Caliper events → events: one sample a profile, whose learner it is, and the standard's whole vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.bridge import STANDARDS, mapped
from ingest.caliper_actions import ACTIONS, LEARNERS
from ingest.documents import Piece

TYPES = Path(__file__).parent.parent / "dbt_project/seeds/event_types.csv"
ID = "urn:uuid:3a648e68-f00d-4c08-aa59-8738e1884f2c"
LEARNER = "https://example.edu/users/554433"
PERSON = {"id": LEARNER, "type": "Person"}
TOOL = {"id": "https://example.edu/grader", "type": "SoftwareApplication"}
SESSION = {"id": "https://example.edu/sessions/1f6442", "type": "Session"}
QUIZ = {"id": "https://example.edu/quiz/1", "type": "Assessment", "name": "Quiz One", "maxScore": 15.0}
ITEM = {"id": "https://example.edu/quiz/1/items/3", "type": "AssessmentItem", "isPartOf": QUIZ}
ATTEMPT = {
    "id": "https://example.edu/attempts/1",
    "type": "Attempt",
    "count": 2,
    "duration": "PT10M",
    "assignee": PERSON,
    "assignable": QUIZ,
}
VIDEO = {"id": "https://example.edu/v/1", "type": "VideoObject", "name": "UML", "duration": "PT1H"}
PAGE = {"id": "https://example.edu/p", "type": "WebPage", "name": "Start"}

#: The actions that Caliper 1.2 allows each event, profile by profile; its vocabulary has others for the generic one.
STANDARD = {
    "AnnotationEvent": "Bookmarked Highlighted Shared Tagged",
    "AssessmentEvent": "Started Paused Resumed Restarted Reset Submitted",
    "AssessmentItemEvent": "Started Skipped Completed",
    "AssignableEvent": "Activated Deactivated Started Completed Submitted Reviewed",
    "FeedbackEvent": "Commented Ranked",
    "ForumEvent": "Subscribed Unsubscribed",
    "GradeEvent": "Graded",
    "MediaEvent": "Started Ended Paused Resumed Restarted ForwardedTo JumpedTo ChangedResolution ChangedSize "
    "ChangedSpeed ChangedVolume EnabledClosedCaptioning DisabledClosedCaptioning EnteredFullScreen ExitedFullScreen "
    "Muted Unmuted OpenedPopout ClosedPopout",
    "MessageEvent": "MarkedAsRead MarkedAsUnRead Posted",
    "NavigationEvent": "NavigatedTo",
    "QuestionnaireEvent": "Started Submitted",
    "QuestionnaireItemEvent": "Started Skipped Completed",
    "ResourceManagementEvent": "Archived Copied Created Deleted Described Downloaded Modified Printed Published "
    "Restored Retrieved Saved Unpublished Uploaded",
    "SearchEvent": "Searched",
    "SessionEvent": "LoggedIn LoggedOut TimedOut",
    "SurveyEvent": "OptedIn OptedOut",
    "SurveyInvitationEvent": "Accepted Declined Sent",
    "ThreadEvent": "MarkedAsRead MarkedAsUnRead",
    "ToolLaunchEvent": "Launched Returned",
    "ToolUseEvent": "Used",
    "ViewEvent": "Viewed",
}
ONLY_GENERIC = (
    "Abandoned Added Attached Classified Disliked Hid Identified Liked Linked Questioned Recommended Removed Rewound "
    "Showed"
)


def caliper(kind: str, action: str, thing: Any, /, **more: Any) -> dict[str, Any]:
    found = {
        "@context": "http://purl.imsglobal.org/ctx/caliper/v1p2",
        "id": ID,
        "type": kind,
        "actor": PERSON,
        "action": action,
        "object": thing,
        "eventTime": "2025-09-05T10:15:00.000Z",
    } | more
    return {name: value for name, value in found.items() if value is not None}


def outcome(record: Any, **around: Any) -> Any:
    envelope = {name: json.dumps(value).encode() for name, value in around.items()}
    return mapped(Piece("", json.dumps(record).encode(), "data", envelope), STANDARDS["caliper"])


def event(record: Any) -> dict[str, Any]:
    found = outcome(record)
    assert not isinstance(found, str), found
    return json.loads(found[1])


@pytest.mark.parametrize(
    ("sent", "event_type", "data"),
    [
        (
            caliper("AnnotationEvent", "Highlighted", PAGE),
            "interaction",
            {"content_id": PAGE["id"], "title": "Start"},
        ),
        (
            caliper("AssessmentEvent", "Started", QUIZ, generated=ATTEMPT | {"duration": None}),
            "assessment_start",
            {"assessment_id": QUIZ["id"], "title": "Quiz One", "attempt": 2},
        ),
        (
            caliper("AssessmentEvent", "Submitted", QUIZ, generated=ATTEMPT),
            "assessment_submitted",
            {"assessment_id": QUIZ["id"], "title": "Quiz One", "attempt": 2, "duration_seconds": 600},
        ),
        (
            caliper(
                "AssessmentItemEvent",
                "Completed",
                ITEM | {"learningObjectives": [{"id": "urn:skill:1", "type": "LearningObjective"}]},
                generated={"id": "urn:r", "type": "FillinBlankResponse", "attempt": ATTEMPT, "duration": "PT30S"},
            ),
            "item_answered",
            {
                "item_id": ITEM["id"],
                "assessment_id": QUIZ["id"],
                "attempt": 2,
                "duration_seconds": 30,
                "skill_id": "urn:skill:1",
            },
        ),
        (
            caliper("AssessmentItemEvent", "Skipped", ITEM),
            "interaction",
            {"item_id": ITEM["id"], "assessment_id": QUIZ["id"]},
        ),
        (
            caliper("AssignableEvent", "Submitted", {"id": "https://e.edu/a", "type": "AssignableDigitalResource"}),
            "assessment_submitted",
            {"assessment_id": "https://e.edu/a"},
        ),
        (caliper("FeedbackEvent", "Ranked", PAGE), "interaction", {"content_id": PAGE["id"], "title": "Start"}),
        (caliper("MessageEvent", "Posted", "urn:m"), "interaction", {"content_id": "urn:m"}),
        (
            caliper(
                "GradeEvent",
                "Graded",
                ATTEMPT,
                actor=TOOL,
                generated={"id": "urn:s", "type": "Score", "scoreGiven": 12},
            ),
            "assessment_complete",
            {
                "assessment_id": QUIZ["id"],
                "title": "Quiz One",
                "attempt": 2,
                "score": 12,
                "max_score": 15.0,
                "duration_seconds": 600,
            },
        ),
        (
            caliper(
                "GradeEvent",
                "Graded",
                {"id": "urn:a", "type": "Attempt", "assignee": LEARNER, "assignable": ITEM},
                generated={"id": "urn:s", "type": "Score", "scoreGiven": 0.5, "maxScore": 1},
            ),
            "item_answered",
            {"item_id": ITEM["id"], "assessment_id": QUIZ["id"], "score": 0.5, "max_score": 1},
        ),
        (
            caliper(
                "MediaEvent", "Ended", VIDEO, target={"id": "urn:l", "type": "MediaLocation", "currentTime": "PT45M"}
            ),
            "lesson_complete",
            {"lesson_id": VIDEO["id"], "title": "UML", "position_seconds": 2700, "completion_rate": 0.75},
        ),
        (caliper("MediaEvent", "Paused", VIDEO), "lesson_paused", {"content_id": VIDEO["id"], "title": "UML"}),
        (
            caliper("NavigationEvent", "NavigatedTo", PAGE, referrer="https://example.edu/from"),
            "page_view",
            {"page_id": PAGE["id"], "title": "Start", "referrer": "https://example.edu/from"},
        ),
        (caliper("ViewEvent", "Viewed", PAGE), "page_view", {"page_id": PAGE["id"], "title": "Start"}),
        (caliper("ViewEvent", "Viewed", VIDEO), "resource_access", {"resource_id": VIDEO["id"], "title": "UML"}),
        (caliper("ResourceManagementEvent", "Printed", "urn:d"), "resource_access", {"resource_id": "urn:d"}),
        (caliper("SearchEvent", "Searched", "urn:catalog"), "interaction", {"content_id": "urn:catalog"}),
        (
            caliper("ToolUseEvent", "Used", TOOL, membership={"id": "urn:m", "roles": ["Learner"]}),
            "interaction",
            {"content_id": TOOL["id"], "roles": ["Learner"]},
        ),
        (caliper("ToolLaunchEvent", "Launched", TOOL), "resource_access", {"resource_id": TOOL["id"]}),
        (caliper("SessionEvent", "LoggedIn", TOOL), "session_start", {"content_id": TOOL["id"]}),
        (
            caliper("SessionEvent", "LoggedOut", TOOL),
            "session_end",
            {"content_id": TOOL["id"], "reason": "logged_out"},
        ),
        (caliper("SurveyEvent", "OptedIn", "urn:s"), "caliper:SurveyEvent.OptedIn", {"content_id": "urn:s"}),
        (caliper("Event", "Created", "urn:x"), "caliper:Event.Created", {"content_id": "urn:x"}),
        (caliper("AlienEvent", "Probed", "urn:x"), "caliper:AlienEvent.Probed", {"content_id": "urn:x"}),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_an_event_becomes_one_of_ours(sent, event_type, data):
    found = event(sent)
    assert found["event_type"] == event_type
    assert found["data"] == data | {"name": f"{sent['type']}.{sent['action']}"}
    assert found["metadata"] == {"caliper": sent}
    assert (found["event_id"], found["learner_id"]) == (ID, LEARNER)
    assert found["timestamp"] == "2025-09-05T10:15:00Z"


def test_the_whole_vocabulary_of_the_standard_is_mapped_or_said_to_be_custom():
    assert {kind: set(actions) for kind, actions in ACTIONS.items() if kind != "Event"} == {
        kind: set(actions.split()) for kind, actions in STANDARD.items()
    }
    every = {action for actions in STANDARD.values() for action in actions.split()} | set(ONLY_GENERIC.split())
    assert set(ACTIONS["Event"]) == every


def test_the_tables_name_types_of_ours():
    types = {line.split(",")[0] for line in TYPES.read_text().splitlines()[1:]}
    rules = [rule for actions in ACTIONS.values() for rule in actions.values()]
    assert {kind for rule in rules for kind in rule.values()} <= types
    assert all(None in rule for rule in rules)
    assert all(action in ACTIONS[kind] for kind, action in LEARNERS)


@pytest.mark.parametrize(
    ("sent", "learner"),
    [
        (caliper("GradeEvent", "Graded", ATTEMPT, actor={"id": "https://e.edu/teacher", "type": "Person"}), LEARNER),
        (
            caliper(
                "GradeEvent",
                "Graded",
                "urn:attempt",
                actor=TOOL,
                generated={"id": "urn:s", "type": "Score", "attempt": ATTEMPT},
            ),
            LEARNER,
        ),
        (caliper("GradeEvent", "Graded", "urn:attempt"), "no_learner"),
        (caliper("SessionEvent", "TimedOut", SESSION | {"user": PERSON}, actor=TOOL), LEARNER),
        (caliper("SessionEvent", "TimedOut", SESSION | {"user": LEARNER}, actor=TOOL), LEARNER),
        (caliper("SessionEvent", "TimedOut", SESSION, actor=TOOL), "no_learner"),
        (caliper("SurveyInvitationEvent", "Sent", {"id": "urn:i", "rater": LEARNER}, actor="urn:sender"), LEARNER),
        (caliper("ViewEvent", "Viewed", PAGE, actor=LEARNER), LEARNER),
        (caliper("ViewEvent", "Viewed", PAGE, actor=TOOL), "no_learner"),
        (caliper("ViewEvent", "Viewed", PAGE, actor={"type": "Person"}), "no_learner"),
        (
            caliper("ViewEvent", "Viewed", PAGE, actor={"id": "http://purl.imsglobal.org/caliper/Person"}),
            "anonymous",
        ),
        (caliper("ViewEvent", "Viewed", PAGE, actor="http://purl.imsglobal.org/caliper/Person"), "anonymous"),
    ],
)
def test_the_learner_is_where_the_standard_puts_them(sent, learner):
    found = outcome(sent)
    assert (found if isinstance(found, str) else found[0].decode()) == learner


@pytest.mark.parametrize(
    ("sent", "session"),
    [
        (caliper("ViewEvent", "Viewed", PAGE, session=SESSION), SESSION["id"]),
        (caliper("ViewEvent", "Viewed", PAGE, session=SESSION["id"]), SESSION["id"]),
        (caliper("ViewEvent", "Viewed", PAGE), None),
        (caliper("SessionEvent", "LoggedIn", TOOL, generated=SESSION), SESSION["id"]),
        (caliper("SessionEvent", "LoggedOut", TOOL, target=SESSION), SESSION["id"]),
        (caliper("SessionEvent", "TimedOut", SESSION | {"user": PERSON}, actor=TOOL), SESSION["id"]),
        # the grader's session, or whose is not said: no session of the learner's
        (caliper("GradeEvent", "Graded", ATTEMPT, session=SESSION), None),
        (caliper("GradeEvent", "Graded", ATTEMPT, session=SESSION | {"user": "urn:teacher"}), None),
        (caliper("GradeEvent", "Graded", ATTEMPT, session=SESSION | {"user": PERSON}), SESSION["id"]),
    ],
)
def test_the_session_is_the_learners(sent, session):
    assert event(sent).get("session_id") == session


def test_words_may_be_written_as_iris_and_in_either_spelling():
    purl = "http://purl.imsglobal.org/caliper/"
    sent = caliper(purl + "ThreadEvent", purl + "actions/MarkedAsUnread", "urn:t")
    assert event(sent)["event_type"] == "caliper:ThreadEvent.MarkedAsUnRead"
    assert event(caliper("MediaEvent", "EnteredFullscreen", VIDEO))["event_type"] == "interaction"
    assert event(caliper("ViewEvent", "Viewed", PAGE | {"type": purl + "WebPage"}))["event_type"] == "page_view"


def test_the_envelope_is_kept_and_its_time_moves_nothing():
    """Both times are the sender's: their difference, which would correct a clock, is 0 whenever the file is sent."""
    around = {"sensor": "https://example.edu/sensors/1", "sendTime": "2025-09-05T10:15:01Z", "dataVersion": "v1p2"}
    wrapped = json.loads(outcome(caliper("ViewEvent", "Viewed", PAGE), **around)[1])
    assert wrapped["published_at"] == wrapped["event"]["sent_at"] == "2025-09-05T10:15:01Z"
    assert wrapped["event"]["metadata"]["envelope"] == around


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (PERSON, "entity"),
        (caliper("ViewEvent", "Viewed", PAGE, action=None), "no_verb"),
        (caliper("ViewEvent", "Viewed", PAGE, action=7), "no_verb"),
        (caliper("ViewEvent", "Viewed", None), "no_object"),
        (caliper("ViewEvent", "Viewed", {"type": "WebPage"}), "no_object"),
        (caliper("ViewEvent", "Viewed", PAGE, eventTime=None), "no_time"),
        (caliper("ViewEvent", "Viewed", PAGE, eventTime="yesterday"), "bad_time"),
        (caliper("ViewEvent", "Viewed", PAGE, actor="urn:" + "x" * 300), "too_long:learner_id"),
        ("urn:event", "not_object"),
    ],
)
def test_what_is_no_activity_of_a_learners_is_refused(sent, reason):
    assert outcome(sent) == reason
