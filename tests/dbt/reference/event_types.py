"""The canonical event types, each with its synonyms; whatever is not here is `custom`."""

from __future__ import annotations

SYNONYMS = {
    "page_view": ("page_viewed",),
    "interaction": ("lesson_paused", "lesson_resumed"),
    "lesson_start": ("lesson_started",),
    "lesson_complete": ("lesson_completed",),
    "assessment_start": ("assessment_started",),
    "assessment_complete": ("assessment_completed", "assessment_submitted"),
    "item_answered": ("item_submitted",),
    "mastery_updated": ("progress_updated",),
    "resource_access": ("resource_accessed",),
    "session_start": (),
    "session_end": (),
    "heartbeat": (),
    "error": (),
    "custom": (),
}
CANONICAL = {name: canonical for canonical, synonyms in SYNONYMS.items() for name in (canonical, *synonyms)}


def canonical(event_type: str) -> str:
    return CANONICAL.get(event_type, "custom")
