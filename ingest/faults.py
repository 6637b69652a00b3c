"""What is no event: every way to break a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ingest.clients import ALIASES, NAMES, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.behaviour import Event

#: Makes a broken value from a good event and the whole that it is part of (itself when bare).
Fault: TypeAlias = "Callable[[Event, Event], bytes | None]"


def faults(oversized_bytes: int = 0) -> list[tuple[str, Fault]]:
    """Every way to break a record, with the `_error` that it must get. Structure counts before times."""
    table: list[tuple[str, Fault]] = [
        ("empty", lambda _event, _whole: None),
        ("empty", lambda _event, _whole: b""),
        ("not_utf8", lambda _event, whole: encode(whole)[:-1] + b',"note":"caf\xe9"}'),
        ("not_json", lambda _event, whole: encode(whole)[:-9]),
        ("not_json", lambda _event, whole: encode(whole) * 2),
        ("not_json", lambda _event, _whole: b"learner signed in"),
        ("not_object", lambda _event, whole: encode([whole])),
        ("not_object", lambda _event, whole: encode(encode(whole).decode())),
        ("not_object", lambda _event, _whole: b"null"),
    ]
    for name in ("event_id", "event_type", "timestamp", "learner_id"):
        table += [(f"missing:{name}", _with(name, value)) for value in (_ABSENT, None, "")]
    for name, values in _WRONG.items():
        table += [(f"wrong_type:{name}", _with(name, value)) for value in values]
    table += [(f"too_long:{name}", _with(name, "x" * 256)) for name in ("event_id", "event_type", "learner_id")]
    for name in ("timestamp", "sent_at", "published_at"):
        table += [(f"bad_timestamp:{name}", _with(name, value)) for value in _NO_TIMES]
    if oversized_bytes:
        table.append(("too_large", lambda _event, whole: encode(whole).ljust(oversized_bytes)))
    return table


_ABSENT: Final = object()
_WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "event_id": (42, ["e-1"]),
    "event_type": (True, {"name": "page_view"}),
    "timestamp": (False, {"ms": 1_757_030_400_000}),
    "learner_id": (1001,),
    "session_id": (7, {}),
    "tenant_id": (3,),
    "sent_at": ([], True),
    "data": ("lesson-1", [1, 2], 5),
    "metadata": ("tablet", []),
    "version": ({}, True),
    "published_at": (False, ["2025-09-05T10:00:00Z"]),
}
_NO_TIMES: Final = ("yesterday", "2025-13-45T10:00:00Z", "2025-09-05", "1757066400000")


def _with(name: str, value: object) -> Fault:
    """Set one field, or take it away, whatever name the event has it under."""

    def fault(event: Event, whole: Event) -> bytes:
        sent_as = name
        if name in NAMES and name not in event:
            sent_as = ALIASES[NAMES.index(name)]
        holder = whole if name == "published_at" else event
        changed = {**holder, sent_as: value}
        if value is _ABSENT:
            del changed[sent_as]
        return encode(changed if holder is whole else {**whole, "event": changed})

    return fault
