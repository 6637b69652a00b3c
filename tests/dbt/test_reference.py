"""The reference itself, against answers worked out by hand: the fixtures', the documented ones, and hard cases."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.reference.comparison import differences
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.tables import Table, tables
from tests.dbt.reference.times import local_date

PROJECT = Path(__file__).parents[2] / "dbt_project"
FIXTURES = PROJECT / "seeds/fixtures"
DAY = datetime(2025, 9, 5)
TIMES = ("occurred_at", "sent_at", "published_at", "_kafka_timestamp", "_ingested_at", "_loaded_at")


def event(event_id: str, clock: str, event_type: str = "page_view", **changes: Any) -> dict[str, Any]:
    """An event of one learner without a session, received a second later; members of its payload go in `data`."""
    at = DAY + timedelta(**dict(zip(("hours", "minutes", "seconds"), map(float, clock.split(":")), strict=True)))
    row = {"event_id": event_id, "event_type": event_type, "occurred_at": at, "learner_id": "ada"} | {
        "tenant_id": "t", "_topic_id": "t", "_partition": 0, "_offset": int.from_bytes(event_id.encode()),
        "_kafka_timestamp": at + timedelta(seconds=1), "_ingested_at": at + timedelta(seconds=3), "_error": None,
        "_loaded_at": DAY + timedelta(days=1), "_file": "f", "_file_row": 0, "data": {},
    }  # fmt: skip
    row |= changes
    return row | {"data": json.dumps(row["data"])}


def column(model: str, rows: list[dict[str, Any]], *names: str, **settings: Any) -> list[Any]:
    """Columns of a model by its key: a tuple for each row, or a value where one column is asked for."""
    table = tables(rows, Settings(**settings))[model]
    ordered = sorted(table.rows, key=lambda row: [str(value) for value in row[: table.key]])
    places = [table.columns.index(name) for name in names]
    return [tuple(row[i] for i in places) if len(places) > 1 else row[places[0]] for row in ordered]


def raw_fixtures() -> list[dict[str, Any]]:
    with (FIXTURES / "test_raw_events.csv").open() as file:
        rows = [{name: text or None for name, text in row.items()} for row in csv.DictReader(file)]
    parsed = dict.fromkeys(TIMES, datetime.fromisoformat) | {"_partition": int, "_offset": int}
    return [{name: parsed.get(name, str)(text) if text else None for name, text in row.items()} for row in rows]


def read(text: str, like: Any) -> Any:
    """What a fixture's file says, as a value of the same type as `like`."""
    if not text or like is None:
        return text or None
    if isinstance(like, bool):
        return text == "true"
    return type(like).fromisoformat(text) if isinstance(like, date) else type(like)(text)


@pytest.mark.parametrize(
    ("fixture", "model", "key"),
    [
        ("test_minute_metrics", "minute_metrics", 5),
        ("test_session_metrics", "int_sessions", 4),
        ("test_mastery_deltas", "mastery_deltas", 5),
    ],
)
def test_the_fixtures_are_what_the_reference_answers(fixture: str, model: str, key: int) -> None:
    with (FIXTURES / f"{fixture}.csv").open() as file:
        names, *expected = csv.reader(file)
    table = tables(raw_fixtures())[model]
    known = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    ours = [tuple((row | row["session_key"]._asdict())[name] for name in names) for row in known]
    like = [next((value for value in values if value is not None), None) for values in zip(*ours, strict=True)]
    theirs = [tuple(map(read, row, like)) for row in expected]
    assert not list(differences(Table(key, names, ours), theirs))


def test_documented_sessions() -> None:
    ours = ("default", "golden")
    golden = [row for row in raw_fixtures() if (row["tenant_id"], str(row["event_id"])[:6]) == ours]
    names = ("duration_seconds", "active_seconds", "completion_rate", "avg_assessment_score", "errors")
    assert column("int_sessions", golden, *names) == [
        (1200, 1170, 1.0, 85.0, 0),
        (600, 600, 0.0, None, 1),
        (1800, 300, 1.0, 92.0, 0),
    ]
    figures = ("current_mastery", "confidence_score", "is_initial", "mastery_delta")
    half = Decimal("0.5")
    assert column("mastery_deltas", golden, *figures) == [
        (Decimal("0.675"), half, True, None),
        (Decimal("0.71"), half, True, None),
    ]


def test_late_event_joins_two_sessions() -> None:
    rows = [event("a", "10:00:00"), event("b", "10:50:00")]
    assert column("int_sessions", rows, "duration_seconds") == [0, 0]
    late = event("c", "10:25:00", _kafka_timestamp=DAY + timedelta(hours=18))
    assert column("int_sessions", [*rows, late], "duration_seconds", "active_seconds") == [(3000, 600)]


def test_session_over_midnight_counts_on_both_days() -> None:
    rows = [event("a", "23:59:30", session_id="s"), event("b", "24:06:00", session_id="s", event_type="heartbeat")]
    minutes = column("minute_metrics", rows, "time_spent_seconds", "total_events", "partition_date")
    first, second = date(2025, 9, 5), date(2025, 9, 6)
    assert minutes == [(30, 1, first), *[(60, 0, second)] * 4, (30, 0, second), (0, 0, second)]
    summary = ("partition_date", "daily_events", "active_minutes", "sessions", "sessions_started")
    assert column("learner_activity_summary", rows, *summary) == [(first, 1, 1, 1, 1), (second, 0, 6, 1, 0)]
    [hours, _] = column("learner_activity_summary", rows, "hours_spent")
    assert hours == pytest.approx(30 / 3600)


def test_local_dates_on_both_sides_of_the_end_of_summer_time() -> None:
    instants = ("2025-11-02 03:59:59", "2025-11-02 04:00:00", "2025-11-03 04:59:59", "2025-11-03 05:00:00")
    days = [local_date(datetime.fromisoformat(instant), "America/New_York").day for instant in instants]
    assert days == [1, 2, 2, 3]


def answer(event_id: str, clock: str, scaled: float, **payload: Any) -> dict[str, Any]:
    return event(event_id, clock, "item_answered", data={"skill_id": "k", "score_scaled": scaled} | payload)


def test_decayed_mean_and_its_regrade() -> None:
    rows = [answer("a", "10:00:00", 0.1, attempt=1), answer("b", "11:00:00", 1, attempt=2)]
    regrade = answer("c", "10:30:00", 0.85, attempt=1)
    names = ("trigger_event_id", "current_mastery", "mastery_delta", "confidence_score", "regraded")
    # 0.85 and 1: W = 1.8, S = 0.8 · 0.85 + 1 = 1.68, (0.5 + 1.68) / 2.8
    assert column("mastery_deltas", [*rows, regrade], *names) == [
        ("b", Decimal("0.778571429"), Decimal("0.103571429"), Decimal("0.642857143"), False),
        ("c", Decimal("0.675"), None, Decimal("0.5"), True),
    ]
    other_items = [answer("a", "10:00:00", 1, attempt=1, item_id="i"), answer("b", "11:00:00", 1, attempt=1)]
    assert column("mastery_deltas", other_items, "regraded") == [False, False]


def test_ten_thousand_attempts_do_not_overflow() -> None:
    rows = [answer(f"{n:05}", f"0:0:{n}", 1) for n in range(10_000)]
    last = column("mastery_deltas", rows, "evidence_count", "current_mastery", "confidence_score")[-1]
    assert last == (10_000, Decimal("0.916666667"), Decimal("0.833333333"))


def report(event_id: str, clock: str, after: float, before: float | None = None, **payload: Any) -> dict[str, Any]:
    data = {"skill_id": "k", "mastery_before": before, "mastery_after": after} | payload
    return event(event_id, clock, "mastery_updated", data=data)


def test_reports_push_scores_aside_and_may_disagree_with_each_other() -> None:
    reports = [report("a", "10:00:00", 0.5), report("b", "11:00:00", 0.6, before=0.501, confidence=2),
               report("c", "12:00:00", 0.8, before=0.7, confidence=0.9)]  # fmt: skip
    names = ("trigger_event_id", "previous_mastery", "mastery_delta", "confidence_score", "continuity_gap")
    tenth = Decimal("0.1")
    assert column("mastery_deltas", [*reports, answer("d", "10:30:00", 0)], *names) == [
        ("a", None, None, None, False),
        ("b", Decimal("0.5"), tenth, None, False),
        ("c", Decimal("0.7"), tenth, Decimal("0.9"), True),
    ]
    assert column("mastery_deltas", [report("a", "10:00:00", 1.5)], "is_initial") == []


def test_trends_tell_nothing_of_small_cohorts() -> None:
    rows = [report("a", "10:00:00", 0.5, before=0.25), report("b", "11:00:00", 0.75)]
    rows.append(report("c", "12:00:00", 0.25) | {"learner_id": "bo"})
    names = ("learners_affected", "avg_mastery_change", "avg_current_mastery", "learners_improved")
    assert column("content_mastery_trends", rows, *names) == [(2, 0.5, 0.5, 1)]
    assert column("content_mastery_trends", rows, *names, min_cohort_size=3) == [(2, None, None, None)]
    assert column("content_mastery_trends", rows, *names, today=date(2025, 12, 5)) == []
    assert len(column("content_mastery_trends", rows, *names, today=date(2025, 12, 4))) == 1


def test_unnamed_lessons_are_one_more_lesson() -> None:
    rows = [event("a", "10:00:00", "lesson_start"), event("b", "10:01:00", "lesson_started", data={"lesson_id": ""}),
            event("c", "10:02:00", "lesson_complete", data={"lesson_id": "l"})]  # fmt: skip
    assert column("int_sessions", rows, "lessons_attempted", "lessons_completed", "completion_rate") == [(2, 1, 0.5)]


def test_first_received_is_the_event_and_other_contents_a_conflict() -> None:
    kept = event("a", "10:00:00")
    again = kept | {"_offset": 1, "_kafka_timestamp": None}
    other = kept | {"_offset": 2, "learner_id": "bo", "_kafka_timestamp": kept["_kafka_timestamp"] - timedelta(1)}
    lost = kept | {"_error": "too_large", "_loaded_at": DAY}
    rows = [kept, again, other, lost, lost | {"_offset": 3, "_error": "missing:learner_id"}]
    statuses = column("stg_records", rows, "_offset", "record_status")
    assert statuses == [(1, "duplicate"), (2, "event"), (3, "quarantined"), (97, "duplicate")]
    assert column("event_id_conflicts", rows, "records", "distinct_contents") == [(3, 2)]
    names = ("records", "quarantined", "quarantined_missing", "duplicate_rate", "late_rate")
    assert column("data_quality_daily", rows, *names) == [(4, 1, 1, 0.5, 0.0)]
    assert column("pipeline_latency", [kept, again], "records", "received_to_ingested_p95_seconds") == [(2, 2.0)]
