"""minute_metrics: what happened in each minute of a session."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from tests.dbt.reference.figures import seconds
from tests.dbt.reference.sessions import Session, SessionKey
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.times import local_date

_MINUTE = timedelta(minutes=1)


class MinuteRow(NamedTuple):
    tenant_id: str
    learner_id: str
    session_key: SessionKey
    session_id: str | None
    minute_timestamp: datetime
    total_events: int
    page_views: int
    interactions: int
    assessments_started: int
    assessments_completed: int
    lessons_started: int
    lessons_completed: int
    items_answered: int
    resources_accessed: int
    errors: int
    time_spent_seconds: Decimal
    partition_date: date


def minute_rows(session: Session, settings: Settings) -> list[MinuteRow]:
    """A row for each minute that an event or active time touches."""
    types: dict[datetime, Counter[str]] = defaultdict(Counter)
    spent: dict[datetime, timedelta] = defaultdict(timedelta)
    for event, active in zip(session.events, session.active, strict=True):
        types[_minute(event.event_at)][event.event_type] += 1
        for minute, part in _split(event.event_at, active):
            spent[minute] += part
    return [_row(session.key, minute, types[minute], spent[minute], settings) for minute in sorted({*types, *spent})]


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _split(begin: datetime, active: timedelta) -> Iterator[tuple[datetime, timedelta]]:
    """The stretch from `begin` on, cut at the minutes' boundaries."""
    end = begin + active
    while begin < end:
        minute = _minute(begin)
        stop = min(end, minute + _MINUTE)
        yield minute, stop - begin
        begin = stop


def _row(key: SessionKey, minute: datetime, types: Counter[str], spent: timedelta, settings: Settings) -> MinuteRow:
    return MinuteRow(
        tenant_id=key.tenant_id,
        learner_id=key.learner_id,
        session_key=key,
        session_id=key.session_id,
        minute_timestamp=minute,
        total_events=types.total() - types["heartbeat"],
        page_views=types["page_view"],
        interactions=types["interaction"],
        assessments_started=types["assessment_start"],
        assessments_completed=types["assessment_complete"],
        lessons_started=types["lesson_start"],
        lessons_completed=types["lesson_complete"],
        items_answered=types["item_answered"],
        resources_accessed=types["resource_access"],
        errors=types["error"],
        time_spent_seconds=seconds(spent),
        partition_date=local_date(minute, settings.reporting_timezone),
    )
