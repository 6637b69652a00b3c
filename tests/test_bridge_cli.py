"""`ingest produce --format`, as a process: to the broker, into objects, the warehouse and staging."""

from __future__ import annotations

import json

import pytest

from tests.dbt.running import Warehouse
from tests.test_bridge import dumped, numbered
from tests.test_caliper import ATTEMPT, ITEM, LEARNER, PAGE, QUIZ, SESSION, TOOL, caliper
from tests.test_cli import ingest
from tests.test_xapi import OBJECTIVE, QUESTION, UNIT, statement
from tests.test_xapi import QUIZ as TEST

JO = "https://lms.example.org|4711"
UUID = "00000000-0000-4000-8000-0000000000%02d"


@pytest.fixture(name="env")
def environment(embedded_broker, tmp_path) -> dict[str, str]:
    topic = tmp_path.name.replace("_", "-")
    return {"KAFKA_BOOTSTRAP_SERVERS": embedded_broker, "KAFKA_TOPIC_EVENTS_RAW": topic, "INGEST_STORE": "objects"}


def run(*words, folder, code=0, text=None, **env):
    found, output, errors = ingest(*words, "--output", "json", folder=folder, text=text, **env)
    assert found == code, errors
    return json.loads(output), errors


def test_rejects_go_to_the_file_and_are_told_without_their_values(env, tmp_path):
    bad = '{"actor": {"mbox": "mailto:secret@example.org"}}'
    (tmp_path / "sent.json").write_text(f"{json.dumps(numbered(1))}\n{bad}\nno json\n")
    words = ("produce", "--format", "xapi", "sent.json", "--rejects", "rejects.ndjson")
    result, errors = run(*words, folder=tmp_path, code=1, **env)
    assert (result["records"], result["mapped"], result["rejected"]) == (1, 1, 2)
    assert result["rejected_by_reason"] == {"no_verb": 1, "not_json": 1}
    assert (tmp_path / "rejects.ndjson").read_text() == f"{bad}\nno json\n"
    assert "line 2" in errors
    assert "no_verb" in errors
    assert "secret" not in errors
    run(*words, folder=tmp_path, code=1, **env)
    assert (tmp_path / "rejects.ndjson").read_text() == 2 * f"{bad}\nno json\n", "added to, never written over"


def test_without_a_file_rejects_are_quarantined_by_the_consumer(env, tmp_path):
    text = json.dumps({"statements": [*numbered(1), {"id": 1}], "more": "/xapi/statements?more=abc"})
    result, errors = run("produce", "--format", "xapi", "-", folder=tmp_path, code=1, text=text, **env)
    assert (result["records"], result["rejected"]) == (2, 1)
    assert "next page" in errors
    assert "abc" not in errors
    stored, _ = run("consume", "--once", folder=tmp_path, code=1, **env)
    assert (stored["valid"], stored["quarantined_by_reason"]) == (1, {"missing": 1})


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--format", "xapi"), "either a FILE"),
        (("--format", "xapi", "--synthetic", "5"), "takes a FILE"),
        (("events.ndjson", "--rejects", "r"), "--rejects"),
        (("--format", "xapi", "events.ndjson", "--rejects", "events.ndjson"), "the file that is read"),
        (("--format", "xapi", "events.ndjson", "--rejects", "no/folder"), "no/folder"),
        (("--format", "caliper", "none.json"), "none.json"),
        (("--format", "scorm", "events.ndjson"), "scorm"),
    ],
)
def test_a_mistake_of_the_user_is_named_and_ends_with_2(words, names, env, tmp_path):
    (tmp_path / "events.ndjson").write_text("{}\n")
    code, output, errors = ingest("produce", *words, folder=tmp_path, **env)
    assert (code, output) == (2, ""), errors
    assert names in errors


STATEMENTS = [
    statement("initialized", UNIT, id=UUID % 1, timestamp="2025-09-05T10:00:00Z", stored="2025-09-05T10:00:01Z"),
    statement(
        *("completed", UNIT),
        id=UUID % 2,
        timestamp="2025-09-05T10:10:00Z",
        stored="2025-09-05T10:10:01Z",
        result={"completion": True},
    ),
    statement(
        *("passed", TEST),
        id=UUID % 3,
        timestamp="2025-09-05T10:20:00Z",
        stored="2025-09-05T10:20:01Z",
        result={"score": {"raw": 85, "min": 0, "max": 100}},
    ),
    statement(
        *("answered", QUESTION),
        id=UUID % 4,
        timestamp="2025-09-05T10:21:00Z",
        stored="2025-09-05T10:21:01Z",
        result={"success": True},
        context={"contextActivities": {"other": [OBJECTIVE]}},
    ),
    statement("http://id.tincanapi.com/verb/earned", UNIT, id=UUID % 5, stored="2025-09-05T10:21:01Z"),
]
SENT = {"sensor": "https://example.edu/s", "sendTime": "2025-09-05T12:00:00Z", "dataVersion": "v1p2"}
EVENTS = [
    caliper("NavigationEvent", "NavigatedTo", PAGE, id="urn:uuid:" + UUID % 11, session=SESSION),
    caliper(
        *("GradeEvent", "Graded", ATTEMPT),
        id="urn:uuid:" + UUID % 12,
        actor=TOOL,
        session=SESSION | {"user": "urn:teacher"},
        generated={"id": "urn:score", "type": "Score", "scoreGiven": 13.8},
    ),
    caliper("AssessmentItemEvent", "Completed", ITEM, id="urn:uuid:" + UUID % 13),
    caliper("SessionEvent", "TimedOut", SESSION | {"user": PAGE["id"]}, id="urn:uuid:" + UUID % 14, actor=TOOL),
]
EXPECTED = [
    (UUID % 1, "lesson_start", "lesson_start", JO, "lesson", UNIT["id"], None),
    (UUID % 2, "lesson_complete", "lesson_complete", JO, "lesson", UNIT["id"], None),
    (UUID % 3, "assessment_complete", "assessment_complete", JO, "assessment", TEST["id"], 0.85),
    (UUID % 4, "item_answered", "item_answered", JO, None, None, 1.0),
    (UUID % 5, "custom", "http://id.tincanapi.com/verb/earned", JO, "content", UNIT["id"], None),
    ("urn:uuid:" + UUID % 11, "page_view", "page_view", LEARNER, "page", PAGE["id"], None),
    ("urn:uuid:" + UUID % 12, "assessment_complete", "assessment_complete", LEARNER, "assessment", QUIZ["id"], 0.92),
    ("urn:uuid:" + UUID % 13, "item_answered", "item_answered", LEARNER, "assessment", QUIZ["id"], None),
    ("urn:uuid:" + UUID % 14, "session_end", "session_end", PAGE["id"], "content", SESSION["id"], None),
]


def test_both_standards_reach_staging_once_with_scores_and_mastery(env, tmp_path):
    (tmp_path / "statements.json").write_bytes(dumped(STATEMENTS, indent=2))
    (tmp_path / "events.json").write_bytes(dumped(SENT | {"data": EVENTS}))
    for kind, name in (("xapi", "statements.json"), ("caliper", "events.json"), ("xapi", "statements.json")):
        run("produce", "--format", kind, name, folder=tmp_path, **env)
    run("consume", "--once", folder=tmp_path, **env)
    run("load", "--warehouse", "warehouse.duckdb", folder=tmp_path, **env)
    warehouse = Warehouse(tmp_path)
    warehouse.dbt("seed", "--select", "event_types")
    warehouse.dbt("run", "--select", "+mastery_deltas")
    assert (
        warehouse.rows(
            "select event_id, event_type, source_event_type, learner_id, content_type, content_id, score_scaled"
            " from staging.stg_events order by event_id"
        )
        == EXPECTED
    )
    [(moved,)] = warehouse.rows("select count(*) from staging.stg_events where event_at <> occurred_at")
    [(doubled,)] = warehouse.rows("select count(*) from staging.stg_records where record_status = 'duplicate'")
    assert (moved, doubled) == (0, len(STATEMENTS))
    assert warehouse.rows(
        "select learner_id, content_type, content_id, cast(current_mastery as double)"
        " from analytics.mastery_deltas order by 4"
    ) == [
        (JO, "assessment", TEST["id"], 0.675),
        (LEARNER, "assessment", QUIZ["id"], 0.71),
        (JO, "skill", OBJECTIVE["id"], 0.75),
    ]
