"""The two views over a window of days: learner_activity_summary and content_mastery_trends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from tests.dbt.reference.figures import mean
from tests.dbt.reference.mastery import MasteryRow
from tests.dbt.reference.minutes import MinuteRow
from tests.dbt.reference.sessions import SessionEvent
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.times import local_date

_WHOLE_MINUTE = Decimal(60)


class ActivityRow(NamedTuple):
    tenant_id: str
    learner_id: str
    partition_date: date
    daily_events: int
    hours_spent: float
    active_minutes: int
    sessions: int
    sessions_started: int
    lessons_completed: int
    assessments_completed: int
    errors: int
    first_activity: datetime
    last_activity: datetime


class TrendRow(NamedTuple):
    tenant_id: str
    content_type: str
    content_id: str
    partition_date: date
    learners_affected: int
    evidence_events: int | None
    avg_mastery_change: float | None
    avg_current_mastery: float | None
    avg_confidence: float | None
    learners_improved: int | None
    learners_declined: int | None


def activity_rows(
    events: Iterable[SessionEvent], minutes: Iterable[MinuteRow], settings: Settings
) -> list[ActivityRow]:
    """A row for each day on which the learner had an event, if only a heartbeat."""
    events_of, minutes_of = defaultdict(list), defaultdict(list)
    for event in events:
        day = local_date(event.event_at, settings.reporting_timezone)
        events_of[event.tenant_id, event.learner_id, day].append(event)
    for minute in minutes:
        minutes_of[minute.tenant_id, minute.learner_id, minute.partition_date].append(minute)
    return [
        _activity(key, found, minutes_of[key], settings)
        for key, found in events_of.items()
        if _within_window(key[2], settings)
    ]


def trend_rows(evidence: Iterable[MasteryRow], settings: Settings) -> list[TrendRow]:
    days: dict[tuple[str, str, str, date], dict[str, list[MasteryRow]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(evidence, key=lambda each: each.evidence_count):
        if _within_window(row.partition_date, settings):
            day = days[row.tenant_id, row.content_type, row.content_id, row.partition_date]
            day[row.learner_id].append(row)
    return [_trend(key, list(learners.values()), settings) for key, learners in days.items()]


def _within_window(day: date, settings: Settings) -> bool:
    return settings.today is None or day >= settings.today - timedelta(days=settings.realtime_view_days)


def _activity(
    key: tuple[str, str, date], events: list[SessionEvent], minutes: list[MinuteRow], settings: Settings
) -> ActivityRow:
    spent: dict[datetime, Decimal] = defaultdict(Decimal)
    for minute in minutes:
        spent[minute.minute_timestamp] += minute.time_spent_seconds
    capped = sum((min(each, _WHOLE_MINUTE) for each in spent.values()), Decimal(0))
    sessions = {event.session_key for event in events}
    started = [s for s in sessions if local_date(s.session_start, settings.reporting_timezone) == key[2]]
    return ActivityRow(
        *key,
        daily_events=sum(event.event_type != "heartbeat" for event in events),
        hours_spent=float(Fraction(capped) / 3600),
        active_minutes=len(spent),
        sessions=len(sessions),
        sessions_started=len(started),
        lessons_completed=sum(minute.lessons_completed for minute in minutes),
        assessments_completed=sum(minute.assessments_completed for minute in minutes),
        errors=sum(minute.errors for minute in minutes),
        first_activity=min(event.event_at for event in events),
        last_activity=max(event.event_at for event in events),
    )


def _trend(key: tuple[str, str, str, date], learners: Sequence[list[MasteryRow]], settings: Settings) -> TrendRow:
    """`learners` holds the day's evidence of each learner, in order."""
    if len(learners) < settings.min_cohort_size:
        return TrendRow(*key, len(learners), None, None, None, None, None, None)
    last = [rows[-1] for rows in learners]
    changes = [
        rows[-1].current_mastery - rows[0].previous_mastery
        for rows in learners
        if rows[0].previous_mastery is not None
    ]
    return TrendRow(
        *key,
        learners_affected=len(learners),
        evidence_events=sum(map(len, learners)),
        avg_mastery_change=mean(changes),
        avg_current_mastery=mean([row.current_mastery for row in last]),
        avg_confidence=mean([row.confidence_score for row in last if row.confidence_score is not None]),
        learners_improved=sum(change > 0 for change in changes),
        learners_declined=sum(change < 0 for change in changes),
    )
