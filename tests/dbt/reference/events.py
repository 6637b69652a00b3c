"""A valid event, read: canonical type, the time that counts, content, attempt, score; and the order of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.dbt.reference.event_types import canonical
from tests.dbt.reference.payloads import Members, first_named, members, number, whole_number
from tests.dbt.reference.scores import Score, score
from tests.dbt.reference.times import Times, times

_CONTENT = ("lesson_id", "assessment_id", "resource_id", "page_id", "content_id")


@dataclass(frozen=True)
class Event:
    tenant_id: str
    event_id: str
    learner_id: str
    session_id: str | None
    event_type: str
    source_event_type: str
    occurred_at: datetime
    data: str
    payload: Members
    unparsable_data: bool
    times: Times
    score: Score
    content_type: str | None
    content_id: str | None
    attempt_no: int | None

    @property
    def event_at(self) -> datetime:
        return self.times.event_at

    @property
    def received_at(self) -> datetime | None:
        return self.times.received_at

    def named(self, member: str) -> str | None:
        """The payload's member of that name, as text."""
        return self.payload.get(member)

    def reported(self, member: str) -> float | None:
        """The payload's member of that name, if it is a number within 0..1."""
        value = number(self.payload.get(member))
        return value if value is not None and 0 <= value <= 1 else None


def read(row: Mapping[str, Any]) -> Event:
    """The event of a raw row that is not quarantined."""
    payload = members(row["data"])
    known = payload or {}
    content, content_id = first_named(known, *_CONTENT)
    return Event(
        tenant_id=row["tenant_id"],
        event_id=row["event_id"],
        learner_id=row["learner_id"],
        session_id=row.get("session_id") or None,
        event_type=canonical(row["event_type"]),
        source_event_type=row["event_type"],
        occurred_at=row["occurred_at"],
        data=row["data"],
        payload=known,
        unparsable_data=payload is None,
        times=times(row),
        score=score(known),
        content_type=content.removesuffix("_id") if content else None,
        content_id=content_id,
        attempt_no=whole_number(known.get("attempt")),
    )


def event_order(event: Event) -> tuple[object, ...]:
    """The order of one learner's events: total, as no two have one id."""
    attempt = (event.attempt_no is None, event.attempt_no or 0)
    return (event.event_at, *attempt, *nulls_last(event.received_at), event.event_id)


def contents(event: Event) -> tuple[object, ...]:
    """What an event says, as it was sent, without what changes when it is sent again."""
    return (event.source_event_type, event.occurred_at, event.learner_id, event.session_id, event.data)


def nulls_last(at: datetime | None) -> tuple[bool, datetime]:
    return (at is None, at or datetime.min)
