"""int_sessions, and session_metrics without what depends on now: what each session amounts to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from tests.dbt.reference.events import Event
from tests.dbt.reference.figures import mean, nine_decimals, quotient, seconds
from tests.dbt.reference.sessions import Session, SessionKey
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.times import local_date

_OVERLONG = timedelta(hours=12)


class SessionRow(NamedTuple):
    tenant_id: str
    session_key: SessionKey
    session_id: str | None
    learner_id: str
    session_start: datetime
    last_activity: datetime
    session_end: datetime
    end_reason: str
    duration_seconds: Decimal
    active_seconds: Decimal
    total_events: int
    unique_pages: int
    total_interactions: int
    lessons_attempted: int
    lessons_completed: int
    assessments_attempted: int
    assessments_completed: int
    items_answered: int
    avg_assessment_score: float | None
    completion_rate: float | None
    errors: int
    is_overlong: bool
    partition_date: date


def session_row(session: Session, settings: Settings) -> SessionRow:
    key, events = session.key, session.events
    types = Counter(event.event_type for event in events)
    last = events[-1]
    duration = last.event_at - key.session_start
    lessons_completed = _distinct(events, "lesson_id", "lesson_complete")
    lessons = _distinct(events, "lesson_id", "lesson_start", "lesson_complete")
    assessments_completed = _distinct(events, "assessment_id", "assessment_complete")
    assessments = _distinct(events, "assessment_id", "assessment_start", "assessment_complete")
    return SessionRow(
        tenant_id=key.tenant_id,
        session_key=key,
        session_id=key.session_id,
        learner_id=key.learner_id,
        session_start=key.session_start,
        last_activity=last.event_at,
        session_end=last.event_at,  # where an explicit end is the last event, its time is the last activity
        end_reason="explicit" if last.event_type == "session_end" else "timeout",
        duration_seconds=seconds(duration),
        active_seconds=seconds(sum(session.active, timedelta())),
        total_events=len(events) - types["heartbeat"],
        unique_pages=len(_ids(events, "page_id", "page_view") - {None}),
        total_interactions=types["interaction"],
        lessons_attempted=lessons,
        lessons_completed=lessons_completed,
        assessments_attempted=assessments,
        assessments_completed=assessments_completed,
        items_answered=types["item_answered"],
        avg_assessment_score=mean(percentages(events)),
        completion_rate=quotient(lessons_completed + assessments_completed, lessons + assessments),
        errors=types["error"],
        is_overlong=duration > _OVERLONG,
        partition_date=local_date(key.session_start, settings.reporting_timezone),
    )


def percentages(events: Iterable[Event]) -> list[Decimal]:
    """The scores of the graded assessments among the events, out of 100."""
    completed = (event for event in events if event.event_type == "assessment_complete")
    return [nine_decimals(100 * event.score.scaled) for event in completed if event.score.scaled is not None]


def _ids(events: Iterable[Event], member: str, *types: str) -> set[str | None]:
    return {event.named(member) for event in events if event.event_type in types}


def _distinct(events: Iterable[Event], member: str, *types: str) -> int:
    """How many things the events of these types are about; those that name none are about one more."""
    return len(_ids(events, member, *types))
