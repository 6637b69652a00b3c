"""content_performance: how one piece of content fared on one day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from tests.dbt.reference.events import Event
from tests.dbt.reference.figures import mean, quotient
from tests.dbt.reference.session_metrics import percentages
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.times import local_date

_STARTS = ("lesson_start", "assessment_start")
_COMPLETIONS = ("lesson_complete", "assessment_complete")


class ContentRow(NamedTuple):
    tenant_id: str
    content_type: str
    content_id: str
    partition_date: date
    starts: int
    completions: int
    learners: int
    learners_attempted: int
    learners_completed: int
    completion_rate: float | None
    graded_attempts: int
    avg_assessment_score: float | None


def content_rows(events: Iterable[Event], settings: Settings) -> list[ContentRow]:
    days = defaultdict(list)
    for event in events:
        if event.content_type and event.content_id is not None and event.event_type != "heartbeat":
            day = local_date(event.event_at, settings.reporting_timezone)
            days[event.tenant_id, event.content_type, event.content_id, day].append(event)
    return [_row(key, found) for key, found in days.items()]


def _row(key: tuple[str, str, str, date], events: list[Event]) -> ContentRow:
    types = Counter(event.event_type for event in events)
    grades = percentages(events)
    attempted, completed = _learners(events, *_STARTS, *_COMPLETIONS), _learners(events, *_COMPLETIONS)
    return ContentRow(
        *key,
        starts=sum(types[name] for name in _STARTS),
        completions=sum(types[name] for name in _COMPLETIONS),
        learners=len({event.learner_id for event in events}),
        learners_attempted=len(attempted),
        learners_completed=len(completed),
        completion_rate=quotient(len(completed), len(attempted)),
        graded_attempts=len(grades),
        avg_assessment_score=mean(grades),
    )


def _learners(events: Iterable[Event], *types: str) -> set[str]:
    return {event.learner_id for event in events if event.event_type in types}
