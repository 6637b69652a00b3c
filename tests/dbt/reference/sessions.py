"""Sessions: which events belong together, and how long a learner was active after each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from tests.dbt.reference.events import Event, event_order
from tests.dbt.reference.figures import MICROSECOND
from tests.dbt.reference.settings import Settings


class SessionKey(NamedTuple):
    """What the hash in column `session_key` is made of."""

    tenant_id: str
    learner_id: str
    session_id: str | None
    session_start: datetime


@dataclass(frozen=True)
class Session:
    """Events in their order, and the active time from each to the next: nothing after the last."""

    key: SessionKey
    events: list[Event]
    active: list[timedelta]


class SessionEvent(NamedTuple):
    tenant_id: str
    event_id: str
    learner_id: str
    session_key: SessionKey
    session_id: str | None
    session_start: datetime
    event_type: str
    event_at: datetime
    attempt_no: int | None
    received_at: datetime | None
    content_type: str | None
    content_id: str | None
    page_id: str | None
    lesson_id: str | None
    assessment_id: str | None
    score_scaled: float | None
    active_microseconds: int


def sessions(events: Iterable[Event], settings: Settings) -> list[Session]:
    """All events of a learner with one session id, or of a learner without, cut where the silence is too long."""
    strands = defaultdict(list)
    for event in sorted(events, key=event_order):
        strands[event.tenant_id, event.learner_id, event.session_id].append(event)
    found = []
    for who, strand in strands.items():
        session_id = who[2]
        longest = settings.session_gap_seconds if session_id is None else settings.explicit_session_max_gap_seconds
        for part in _cut_at_silences(strand, timedelta(seconds=longest)):
            found.append(Session(SessionKey(*who, part[0].event_at), part, _active(part, settings)))
    return found


def session_events(session: Session) -> list[SessionEvent]:
    key = session.key
    return [
        SessionEvent(
            *(event.tenant_id, event.event_id, event.learner_id, key, key.session_id, key.session_start),
            *(event.event_type, event.event_at, event.attempt_no, event.received_at),
            *(event.content_type, event.content_id),
            *(event.named("page_id"), event.named("lesson_id"), event.named("assessment_id"), event.score.scaled),
            active // MICROSECOND,
        )
        for event, active in zip(session.events, session.active, strict=True)
    ]


def _cut_at_silences(strand: list[Event], longest: timedelta) -> list[list[Event]]:
    parts = [[strand[0]]]
    for earlier, later in pairwise(strand):
        if later.event_at - earlier.event_at > longest:
            parts.append([])
        parts[-1].append(later)
    return parts


def _active(part: list[Event], settings: Settings) -> list[timedelta]:
    cap = timedelta(seconds=settings.active_gap_cap_seconds)
    return [*(min(later.event_at - earlier.event_at, cap) for earlier, later in pairwise(part)), timedelta()]
