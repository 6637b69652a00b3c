"""One record's bytes → its envelope, or the reason why it is no event: the definition.

`examine` looks at a value field by field, in order, and takes whatever docs/events.md allows. The consumer reads the
usual shapes faster (`ingest.envelopes`), and leaves everything else to this; a property test holds the two together.

Payloads (`data`, `metadata`) are handed on as the producer's own bytes; nothing is written anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Raw

from ingest.events import DEFAULT_SCHEMA_VERSION, DEFAULT_TENANT, MAX_TEXT, Reason

Time = str | int | float | None
_T = TypeVar("_T")
Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
MAX_DEPTH: Final = 200
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_ABSENT: Final = (b"", b"null")
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Envelope(NamedTuple):
    """A valid event, but for its times, which are checked in columns (`ingest.times`)."""

    event_id: str
    event_type: str
    timestamp: Time
    learner_id: str
    tenant_id: str
    session_id: str | None
    sent_at: Time
    published_at: Time
    schema_version: str
    data: bytes
    metadata: bytes


_decode_any = msgspec.json.Decoder(Raw).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_scalar = msgspec.json.Decoder(str | int | float).decode
_encode = msgspec.json.encode


def is_utf8(value: bytes) -> bool:
    """Whether the bytes are text in UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _too_deep(value: bytes) -> bool:
    """Whether objects and arrays are nested deeper than `MAX_DEPTH`; text that is no JSON may count either way.

    A limit of our own: the decoder's depends on how deep Python's stack is at the moment.
    """
    if value.count(b"{") + value.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _BRACKETS.findall(value):
        depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(token, 0)
        if depth > MAX_DEPTH:
            return True
    return False


def version_text(raw: bytes) -> str | None:
    """The text of a version: a string as it is, a number as written; None if it is neither."""
    if raw in _ABSENT:
        return DEFAULT_SCHEMA_VERSION
    try:
        value = _decode_scalar(raw)
    except UNREADABLE:
        return None
    if isinstance(value, str):
        return value or DEFAULT_SCHEMA_VERSION
    return raw.decode()


def _with_member(text: bytes, member: bytes) -> bytes:
    """A JSON object's text with one more member at its end."""
    body = text[:-1].rstrip()
    return body + (b"" if body == b"{" else b",") + member + b"}"


class _Fault(Exception):  # noqa: N818 - carries an answer, not an error
    """Ends the look at a record; its text is the `_error`."""


Fields = dict[str, Raw]
#: The fields of an event and of a wrapper that have a place of their own.
EVENT_FIELDS: Final = frozenset(
    (
        *("event_id", "event_type", "learner_id", "timestamp", "occurred_at", "session_id", "tenant_id", "sent_at"),
        *("data", "payload", "metadata", "context", "version", "schema_version"),
    )
)
WRAPPER_FIELDS: Final = frozenset(("event", "batch_id", "published_at", "producer_id"))
_KNOWN: Final = EVENT_FIELDS | WRAPPER_FIELDS


def examine(value: bytes) -> Envelope | str:
    """The envelope of a non-empty value, or the text of its `_error`: the definition, field by field."""
    try:
        return _envelope(*_unwrap(_object(value)))
    except _Fault as fault:
        return str(fault)


def _object(value: bytes) -> Fields:
    if not is_utf8(value):
        raise _Fault(Reason.NOT_UTF8)
    if _too_deep(value):
        raise _Fault(Reason.NOT_JSON)
    try:
        text = bytes(_decode_any(value))
        if not text.startswith(b"{"):
            raise _Fault(Reason.NOT_OBJECT)
        return _decode_object(text)
    except UNREADABLE:
        raise _Fault(Reason.NOT_JSON) from None


def _unwrap(outer: Fields) -> tuple[Fields, Fields]:
    """The event's own fields and the collector's; a bare event has none of the latter."""
    event = outer.get("event")
    if event is None or "event_id" in outer or not bytes(event).startswith(b"{"):
        return outer, {}
    return _decode_object(event), {name: raw for name, raw in outer.items() if name != "event"}


def _envelope(event: Fields, wrapper: Fields) -> Envelope:
    event_id = _required(event, "event_id")
    event_type = _required(event, "event_type")
    timestamp = _time(event, "timestamp", "occurred_at")
    if timestamp is None:
        raise _Fault(Reason.MISSING.of("timestamp"))
    learner_id = _required(event, "learner_id")
    session_id = _optional(event, "session_id")
    tenant_id = _optional(event, "tenant_id") or DEFAULT_TENANT
    sent_at = _time(event, "sent_at")
    data = _payload(event, "data", "payload")
    metadata = _payload(event, "metadata", "context")
    version = _version(event)
    published_at = _time(wrapper, "published_at")
    return Envelope(
        event_id,
        event_type,
        timestamp,
        learner_id,
        tenant_id,
        session_id,
        sent_at,
        published_at,
        version,
        data,
        _with_extra(metadata, event, wrapper),
    )


def _take(fields: Fields, *names: str) -> bytes:
    """The text of the first of the names that is there and not null, taken out; `b""` for none."""
    for name in names:
        text = bytes(fields.pop(name, b""))
        if text not in _ABSENT:
            return text
    return b""


def _typed(text: bytes, decode: Callable[[bytes], _T], name: str) -> _T:
    try:
        return decode(text)
    except UNREADABLE:
        raise _Fault(Reason.WRONG_TYPE.of(name)) from None


def _required(fields: Fields, name: str) -> str:
    text = _optional(fields, name)
    if text is None:
        raise _Fault(Reason.MISSING.of(name))
    if len(text) > MAX_TEXT:
        raise _Fault(Reason.TOO_LONG.of(name))
    return text


def _optional(fields: Fields, name: str) -> str | None:
    text = _take(fields, name)
    return (_typed(text, _decode_text, name) or None) if text else None


def _time(fields: Fields, *names: str) -> Time:
    for name in names:
        text = _take(fields, name)
        value = _typed(text, _decode_scalar, names[0]) if text else ""
        if value != "":
            return value
    return None


def _payload(fields: Fields, name: str, alias: str) -> bytes:
    text = _take(fields, name, alias) or b"{}"
    if not text.startswith(b"{"):
        raise _Fault(Reason.WRONG_TYPE.of(name))
    return text


def _version(fields: Fields) -> str:
    text = version_text(_take(fields, "version", "schema_version"))
    if text is None:
        raise _Fault(Reason.WRONG_TYPE.of("version"))
    return text


def _with_extra(metadata: bytes, event: Fields, wrapper: Fields) -> bytes:
    """The metadata with every field that no column holds under `_extra`.

    The collector's own fields stand under `_wrapper` within. Where the producer has used one of the two
    names, ours gets one more underscore.
    """
    extra = _said(event)
    collected = _said(wrapper)
    collected = {name: collected.pop(name) for name in ("batch_id", "producer_id") if name in collected} | collected
    if collected:
        extra[_free("_wrapper", extra)] = Raw(_encode(collected))
    if not extra:
        return metadata
    name = _free("_extra", _decode_object(metadata))
    return _with_member(metadata, _encode(name) + b":" + _encode(extra))


def _said(fields: Fields) -> Fields:
    """The fields but for the nulls of those that we know, which say nothing."""
    return {name: raw for name, raw in fields.items() if name not in _KNOWN or bytes(raw) != b"null"}


def _free(name: str, taken: Fields) -> str:
    while name in taken:
        name = "_" + name
    return name
