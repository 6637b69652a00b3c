"""An independent reference of every model: the rules in plain Python, sharing nothing with the SQL.

`tables` takes the raw rows of `raw.raw_events` and the dbt vars, and answers what every model must hold. In column
`session_key` it has a `SessionKey`, what the hash is made of: a test that compares must put the same in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tests.dbt.reference.contents import ContentRow, content_rows
from tests.dbt.reference.health import ConflictRow, LatencyRow, QualityRow, conflict_rows, latency_rows, quality_rows
from tests.dbt.reference.mastery import MasteryRow, mastery_rows
from tests.dbt.reference.minutes import MinuteRow, minute_rows
from tests.dbt.reference.payloads import number, truth
from tests.dbt.reference.session_metrics import SessionRow, session_row
from tests.dbt.reference.sessions import SessionEvent, session_events, sessions
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.staging import Record, Row, events, records
from tests.dbt.reference.summaries import ActivityRow, TrendRow, activity_rows, trend_rows

_PLACE = ("_topic_id", "_partition", "_offset", "record_status", "_error", "received_at", "_loaded_at")
_EVENT = (
    *("tenant_id", "event_id", "learner_id", "session_id", "event_type", "source_event_type", "event_at"),
    *("content_type", "content_id", "lesson_id", "assessment_id", "page_id", "item_id", "skill_id"),
    *("attempt_no", "is_correct", "score_scaled", "mastery_before", "mastery_after", "confidence"),
)
_FLAGS = (
    *("skew_corrected", "future_clamped", "late", "unparsable_data"),
    *("score_assumed_percent", "score_out_of_range", "bad_max_score"),
)


class Table(NamedTuple):
    """`key`: how many of the columns, from the first, name a row."""

    key: int
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


def tables(raw_rows: Iterable[Row], settings: Settings | None = None) -> dict[str, Table]:
    """Every model by its name, its rows in any order."""
    settings = settings or Settings()
    staged = records(raw_rows)
    kept = events(staged)
    found = sessions(kept, settings)
    assigned = [row for session in found for row in session_events(session)]
    minutes = [row for session in found for row in minute_rows(session, settings)]
    evidence = mastery_rows(found, settings)
    return {
        "stg_records": Table(3, _PLACE + _EVENT + _FLAGS, [_staged_row(record) for record in staged]),
        "event_id_conflicts": Table(2, ConflictRow._fields, conflict_rows(staged)),
        "int_session_events": Table(2, SessionEvent._fields, assigned),
        "minute_metrics": Table(5, MinuteRow._fields, minutes),
        "int_sessions": Table(2, SessionRow._fields, [session_row(session, settings) for session in found]),
        "mastery_deltas": Table(5, MasteryRow._fields, evidence),
        "content_performance": Table(4, ContentRow._fields, content_rows(kept, settings)),
        "learner_activity_summary": Table(3, ActivityRow._fields, activity_rows(assigned, minutes, settings)),
        "content_mastery_trends": Table(4, TrendRow._fields, trend_rows(evidence, settings)),
        "data_quality_daily": Table(1, QualityRow._fields, quality_rows(staged, settings)),
        "pipeline_latency": Table(1, LatencyRow._fields, latency_rows(staged)),
    }


def _staged_row(record: Record) -> tuple[Any, ...]:
    place = (*record.coordinates, record.status, record.error, record.received_at, record.loaded_at)
    event = record.said
    if event is None:
        return (*place, *(None for _ in _EVENT), *(False for _ in _FLAGS))
    return (
        *place,
        *(event.tenant_id, event.event_id, event.learner_id, event.session_id),
        *(event.event_type, event.source_event_type, event.event_at, event.content_type, event.content_id),
        *map(event.named, ("lesson_id", "assessment_id", "page_id", "item_id", "skill_id")),
        *(event.attempt_no, truth(event.named("correct")), event.score.scaled),
        *(number(event.named(name)) for name in ("mastery_before", "mastery_after", "confidence")),
        *(event.times.skew_corrected, event.times.future_clamped, event.times.late, event.unparsable_data),
        *(event.score.assumed_percent, event.score.out_of_range, event.score.bad_max_score),
    )
