"""One record's bytes → its envelope, or the reason why it is no event.

`examine` is the definition: it looks at a value field by field, in order, and takes whatever
docs/events.md allows. `read` is what the consumer calls: a strict decode into a typed struct that accepts
the usual shapes in one pass, and leaves everything else to `examine`. Both give the same answer for the
same bytes, whatever its neighbours were; a property test holds them together.

Payloads (`data`, `metadata`) are handed on as the producer's own bytes; nothing is written anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from ingest.events import DEFAULT_SCHEMA_VERSION, DEFAULT_TENANT, MAX_TEXT, Reason

Time = str | int | float | None
_T = TypeVar("_T")
_Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
_NULL: Final = Raw(b"null")
MAX_DEPTH: Final = 200
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_ABSENT: Final = (b"", b"null")
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


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


class _Bare(Struct, forbid_unknown_fields=True, gc=False):
    event_id: _Text
    event_type: _Text
    learner_id: _Text
    timestamp: Time = None
    occurred_at: Time = None
    session_id: str | None = None
    tenant_id: str | None = None
    sent_at: Time = None
    data: Raw = _NULL
    payload: Raw = _NULL
    metadata: Raw = _NULL
    context: Raw = _NULL
    version: Raw = _NULL
    schema_version: Raw = _NULL


class _Wrapped(Struct, forbid_unknown_fields=True, gc=False):
    event: _Bare
    batch_id: Raw = _NULL
    published_at: Time = None
    producer_id: Raw = _NULL


_decode_bare = msgspec.json.Decoder(_Bare).decode
_decode_wrapped = msgspec.json.Decoder(_Wrapped).decode
_decode_any = msgspec.json.Decoder(Raw).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_scalar = msgspec.json.Decoder(str | int | float).decode
_encode = msgspec.json.encode


def read(value: bytes | None, max_bytes: int) -> Envelope | str:
    """The envelope of one record's value, or the text of its `_error`.

    `value` is None for a tombstone. A value of more than `max_bytes` bytes is not looked into.
    """
    if not value:
        return Reason.EMPTY
    if len(value) > max_bytes:
        return Reason.TOO_LARGE
    if not (value.isascii() or _is_utf8(value)):
        return Reason.NOT_UTF8
    if _too_deep(value):
        return Reason.NOT_JSON
    try:
        if value.startswith(b'{"event":'):
            wrapped = _decode_wrapped(value)
            envelope = _usual(wrapped.event, wrapped.published_at, _wrapper_extra(wrapped))
        else:
            envelope = _usual(_decode_bare(value), None, b"")
    except _UNREADABLE:
        envelope = None
    return envelope or examine(value)


def _is_utf8(value: bytes) -> bool:
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


def _usual(event: _Bare, published_at: Time, extra: bytes) -> Envelope | None:
    """The envelope of a record of the usual shape; None where `examine` has to look closer."""
    timestamp = _one_time(event.timestamp, event.occurred_at)
    data = _one_object(event.data, event.payload)
    metadata = _one_object(event.metadata, event.context)
    version = _one_version(event.version, event.schema_version)
    if timestamp is None or data is None or metadata is None or version is None:
        return None
    if extra:
        if b"_extra" in metadata or b"\\" in metadata:
            return None
        metadata = _with_member(metadata, b'"_extra":{"_wrapper":{' + extra + b"}}")
    return Envelope(
        event.event_id,
        event.event_type,
        timestamp,
        event.learner_id,
        event.tenant_id or DEFAULT_TENANT,
        event.session_id or None,
        None if event.sent_at == "" else event.sent_at,
        None if published_at == "" else published_at,
        version,
        data,
        metadata,
    )


def _one_time(canonical: Time, alias: Time) -> Time:
    if canonical is None:
        return None if alias == "" else alias
    return canonical if alias is None and canonical != "" else None


def _one_raw(canonical: Raw, alias: Raw) -> bytes | None:
    """The text of whichever is not null, `null` if both are; None if neither is."""
    if alias is _NULL:  # the struct's default: there was no such field
        return bytes(canonical)
    raw, other = bytes(canonical), bytes(alias)
    if raw == b"null":
        return other
    return raw if other == b"null" else None


def _one_object(canonical: Raw, alias: Raw) -> bytes | None:
    raw = _one_raw(canonical, alias)
    if raw is None or raw[0] == 123:  # {
        return raw
    return b"{}" if raw == b"null" else None


def _one_version(canonical: Raw, alias: Raw) -> str | None:
    raw = _one_raw(canonical, alias)
    return None if raw is None else _version_text(raw)


@lru_cache(maxsize=1024)
def _version_text(raw: bytes) -> str | None:
    """The text of a version: a string as it is, a number as written; None if it is neither."""
    if raw in _ABSENT:
        return DEFAULT_SCHEMA_VERSION
    try:
        value = _decode_scalar(raw)
    except _UNREADABLE:
        return None
    if isinstance(value, str):
        return value or DEFAULT_SCHEMA_VERSION
    return raw.decode()


def _wrapper_extra(wrapped: _Wrapped) -> bytes:
    members = []
    for name, raw in (
        (b'"batch_id":', bytes(wrapped.batch_id)),
        (b'"producer_id":', bytes(wrapped.producer_id)),
    ):
        if raw != b"null":
            members.append(name + raw)
    return b",".join(members)


def _with_member(text: bytes, member: bytes) -> bytes:
    """A JSON object's text with one more member at its end."""
    body = text[:-1].rstrip()
    return body + (b"" if body == b"{" else b",") + member + b"}"


# --- the definition -------------------------------------------------------------------------------


class _Fault(Exception):  # noqa: N818 - carries an answer, not an error
    """Ends the look at a record; its text is the `_error`."""


Fields = dict[str, Raw]
_KNOWN: Final = frozenset(_Bare.__struct_fields__ + _Wrapped.__struct_fields__)


def examine(value: bytes) -> Envelope | str:
    """The envelope of a non-empty value, or the text of its `_error`: the definition, field by field."""
    try:
        return _envelope(*_unwrap(_object(value)))
    except _Fault as fault:
        return str(fault)


def _object(value: bytes) -> Fields:
    if not _is_utf8(value):
        raise _Fault(Reason.NOT_UTF8)
    if _too_deep(value):
        raise _Fault(Reason.NOT_JSON)
    try:
        text = bytes(_decode_any(value))
        if not text.startswith(b"{"):
            raise _Fault(Reason.NOT_OBJECT)
        return _decode_object(text)
    except _UNREADABLE:
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
    except _UNREADABLE:
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
    text = _version_text(_take(fields, "version", "schema_version"))
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
