"""An event of ours, made of a record of another standard; or the reason why it becomes none.

A translation keeps its original: whatever has no place of its own in the event stands in there.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from ingest.events import MAX_TEXT
from ingest.members import canonical, present, text, written

#: Ids of records without one are UUIDs of version 5 in this namespace.
NAMESPACE: Final = uuid.UUID("5a0c6d0e-3f5b-5c58-9d0b-0b8d4c4a7d61")
_UUID: Final = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)

#: The member of `data` that names what an event of the type is about; for the other types it is `content_id`.
SUBJECTS: Final = {
    "page_view": "page_id",
    "lesson_start": "lesson_id",
    "lesson_complete": "lesson_id",
    "assessment_start": "assessment_id",
    "assessment_complete": "assessment_id",
    "assessment_submitted": "assessment_id",
    "item_answered": "item_id",
    "resource_access": "resource_id",
}


class Refusal(StrEnum):
    """Why a record becomes no event."""

    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    NO_VERB = "no_verb"
    NO_OBJECT = "no_object"
    VOIDING = "voiding"
    ENTITY = "entity"
    NO_LEARNER = "no_learner"
    GROUP = "group"
    ANONYMOUS = "anonymous"
    NO_TIME = "no_time"
    BAD_TIME = "bad_time"


class Translation(NamedTuple):
    """The event that a record becomes. `published_at` is when a collector received it, if one did."""

    event_id: str
    event_type: str
    timestamp: str
    learner_id: str
    session_id: str | None
    data: dict[str, Any]
    metadata: dict[str, Any]
    sent_at: str | None = None
    published_at: str | None = None


def record_of(translation: Translation) -> tuple[bytes, bytes]:
    """Key and value of the record for the topic; wrapped where a collector's time is known."""
    event = present(translation._asdict())
    published_at = event.pop("published_at", None)
    value = event if published_at is None else {"event": event, "published_at": published_at}
    return translation.learner_id.encode(), written(value)


def identity_of(own: Any, record: Any) -> str:
    """The id that the record brings; without a usable one, a UUID of its content, the same whenever it is sent."""
    if isinstance(own, str) and 0 < len(own) <= MAX_TEXT:
        return own.lower() if _UUID.fullmatch(own) else own
    return str(uuid.uuid5(NAMESPACE, canonical(record).decode()))


def named(event_type: str, original: str) -> str:
    """The type to send: of what is `custom` its own name, which staging keeps as `source_event_type`."""
    fits = event_type == "custom" and ":" in original and len(original) <= MAX_TEXT
    return original if fits else event_type


def instant_of(value: Any) -> str | Refusal:
    """An ISO 8601 time as RFC 3339 in UTC, cut off at microseconds; without an offset it is UTC already."""
    if value is None or value == "":
        return Refusal.NO_TIME
    try:
        found = datetime.fromisoformat((text(value) or "").strip().upper())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return Refusal.BAD_TIME
    return found.isoformat().replace("+00:00", "Z")


def instant_or_none(value: Any) -> str | None:
    """A time that an event can do without: None if it is missing or malformed, and then the original has it."""
    found = instant_of(value)
    return None if isinstance(found, Refusal) else found
