"""Many records' values → columns of envelopes, or the reasons why they are no events.

One strict pass over each record hands out the envelope and the payload's own bytes, for the usual shapes; from then
on all is done in columns. Whatever is not of a usual shape, or no UTF-8, or perhaps too deep, is left to
`ingest.envelope.examine`, which is the definition: a property test holds the two together. A record is judged
by itself, whatever its neighbours are.

What costs: objects that are touched again when they are no longer in the processor's cache, and calls into Polars,
each of which takes as long as reading dozens of records. So records are read in slices of a thousand, of which only
the columns remain, and Polars is called for all of them at once, as seldom as possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import Raw, Struct

from ingest.envelope import MAX_DEPTH, UNREADABLE, Envelope, Text, Time, examine, is_utf8, version_text
from ingest.events import DEFAULT_SCHEMA_VERSION, DEFAULT_TENANT, Reason

_NULL: Final = Raw(b"null")
_SLICE: Final = 1000
#: What no JSON holds: texts that it joins are split again, faster than each is copied by itself.
_SEPARATOR: Final = b"\0"
#: A text can't be nested deeper than `MAX_DEPTH`, two levels around it included, with fewer bytes than this.
_DEEP_BYTES: Final = 2 * (MAX_DEPTH - 1)

#: The columns of `Envelope` by name: lists, and the two payloads as `pl.String`.
Columns = dict[str, Any]


class _Bare(Struct, forbid_unknown_fields=True, gc=False, kw_only=True):
    # In the order in which they mostly come: each field is looked for behind the one before.
    event_id: Text
    event_type: Text
    timestamp: Time = None
    learner_id: Text
    session_id: str | None = None
    data: Raw = _NULL
    metadata: Raw = _NULL
    version: Raw = _NULL
    tenant_id: str | None = None
    sent_at: Time = None
    occurred_at: Time = None
    payload: Raw = _NULL
    context: Raw = _NULL
    schema_version: Raw = _NULL


class _Wrapped(Struct, forbid_unknown_fields=True, gc=False):
    event: _Bare
    batch_id: Raw = _NULL
    published_at: Time = None
    producer_id: Raw = _NULL


_decode_bare = msgspec.json.Decoder(_Bare).decode
_decode_wrapped = msgspec.json.Decoder(_Wrapped).decode
#: Stand in the place of a record that is no event, or of no usual shape.
_NONE: Final = _Bare(event_id="-", event_type="-", learner_id="-", timestamp=0)
_ANY: Final = msgspec.json.encode({"event_id": "-", "event_type": "-", "learner_id": "-", "timestamp": 0})


def read_all(values: Sequence[bytes | None], max_bytes: int) -> tuple[Columns, list[str | None]]:
    """The columns of `Envelope` for these values, and the text of `_error` or None for each.

    `None` is a tombstone; a value of more than `max_bytes` bytes is not looked into. Where there is an error
    the columns hold anything.
    """
    errors: list[str | None] = [None] * len(values)
    reading = _Reading()
    for start in range(0, len(values), _SLICE):
        reading.take(_readable(values[start : start + _SLICE], start, max_bytes, errors))
    columns = reading.columns()
    _mend(columns, {row: examine(values[row] or b"") for row in sorted(reading.odd)}, errors)
    return columns, errors


def _readable(
    values: Sequence[bytes | None], start: int, max_bytes: int, errors: list[str | None]
) -> Sequence[bytes]:
    """The values, those that are not to be looked into replaced by some event; `errors` says why."""
    if all(values) and max(map(len, values)) <= max_bytes:  # type: ignore[arg-type]  # no None is left
        return values  # type: ignore[return-value]
    for row, value in enumerate(values, start):
        if not value:
            errors[row] = Reason.EMPTY
        elif len(value) > max_bytes:
            errors[row] = Reason.TOO_LARGE
    return [_ANY if errors[row] else value or _ANY for row, value in enumerate(values, start)]


class _Reading:
    """The columns as they grow. `odd` are the rows that are of no usual shape, or may not be."""

    def __init__(self) -> None:
        self.odd: set[int] = set()
        self._count = 0
        self._lists: dict[str, list[Any]] = {name: [] for name in Envelope._fields}

    def take(self, values: Sequence[bytes]) -> None:
        """Read on."""
        lists, odd = self._lists, set[int]()
        events, wrapped = _decoded(values, odd)
        lists["event_id"] += [event.event_id for event in events]
        lists["event_type"] += [event.event_type for event in events]
        lists["timestamp"] += _timestamps(events, odd)
        lists["learner_id"] += [event.learner_id for event in events]
        lists["tenant_id"] += [event.tenant_id or DEFAULT_TENANT for event in events]
        lists["session_id"] += [event.session_id or None for event in events]
        lists["sent_at"] += _none_for_empty([event.sent_at for event in events])
        lists["schema_version"] += _versions(events, odd)
        data = _one_of_two([event.data for event in events], [event.payload for event in events], odd)
        metadata = _one_of_two([event.metadata for event in events], [event.context for event in events], odd)
        published: list[Time] = [None] * len(events)
        lists["data"] += _objects(data, odd)
        lists["metadata"] += _with_wrappers(_objects(metadata, odd), wrapped, published, odd)
        lists["published_at"] += _none_for_empty(published)
        self.odd.update(self._count + row for row in odd)
        self._count += len(events)

    def columns(self) -> Columns:
        """All of them, of equal length."""
        texts = {name: pl.Series(self._lists[name], dtype=pl.Binary).cast(pl.String) for name in _PAYLOADS}
        return self._lists | texts


_PAYLOADS: Final = ("data", "metadata")


def _decoded(values: Sequence[bytes], odd: set[int]) -> tuple[list[_Bare], dict[int, _Wrapped]]:
    """The event of each record, and the wrappers of those that have one."""
    events: list[_Bare] = []
    wrapped: dict[int, _Wrapped] = {}
    for row, value in enumerate(values):
        try:
            if value.startswith(b'{"event":'):
                wrapped[row] = whole = _decode_wrapped(value)
                events.append(whole.event)
            else:
                events.append(_decode_bare(value))
        except UNREADABLE:
            other = _wrapped_otherwise(value)
            if other is None:
                odd.add(row)
                events.append(_NONE)
            else:
                wrapped[row] = other
                events.append(other.event)
    return events, wrapped


def _wrapped_otherwise(value: bytes) -> _Wrapped | None:
    """A wrapped event whose wrapper begins with something else."""
    if value.startswith(b'{"event":') or b'"event"' not in value:
        return None
    try:
        return _decode_wrapped(value)
    except UNREADABLE:
        return None


def _timestamps(events: list[_Bare], odd: set[int]) -> list[Time]:
    """The times of events, by either name; a row without one, or with both, is odd."""
    times: list[Time] = [event.timestamp for event in events]
    aliases = [event.occurred_at for event in events]
    if aliases.count(None) < len(aliases):
        for row, alias in enumerate(aliases):
            if alias is not None:
                if times[row] is None:
                    times[row] = alias
                else:
                    odd.add(row)
    if None in times or "" in times:
        odd.update(row for row, time in enumerate(times) if time is None or time == "")
    return times


def _none_for_empty(times: list[Time]) -> list[Time]:
    return [None if time == "" else time for time in times] if "" in times else times


def _versions(events: list[_Bare], odd: set[int]) -> list[str | None]:
    """The texts of versions. There are few different ones, and each is read once."""
    raws = _one_of_two([event.version for event in events], [event.schema_version for event in events], odd)
    if raws.count(_NULL) == len(raws):
        return [DEFAULT_SCHEMA_VERSION] * len(raws)
    first = bytes(raws[0])
    if _SEPARATOR.join(raws) == _SEPARATOR.join([first] * len(raws)) and (one := version_text(first)):
        return [one] * len(raws)
    items = _items(raws, odd)
    known = {item: version_text(item) for item in set(items)}
    found = [known[item] for item in items]
    if None in found:
        odd.update(row for row, text in enumerate(found) if text is None)
    return found


def _one_of_two(canonical: list[Raw], alias: list[Raw], odd: set[int]) -> list[Raw]:
    """Whichever of the two is not null; a row that has both is odd."""
    if alias.count(_NULL) == len(alias):
        return canonical
    for row, other in enumerate(alias):
        if other is not _NULL and bytes(other) != b"null":
            if bytes(canonical[row]) == b"null":
                canonical[row] = other
            else:
                odd.add(row)
    return canonical


def _objects(raws: Sequence[Raw], odd: set[int]) -> list[bytes]:
    """Payloads: objects as the producer wrote them, `{}` for none; a row with anything else is odd."""
    items = _items(raws, odd)
    for row, item in enumerate(items):
        if item[0] != _BRACE:
            items[row] = b"{}"
            if item != b"null":
                odd.add(row)
    return items


_BRACE: Final = ord("{")


def _items(raws: Sequence[Raw], odd: set[int]) -> list[bytes]:
    """The texts of raw JSON; one that is no UTF-8, or that may be too deep, makes its row odd."""
    joined = _SEPARATOR.join(raws)
    items = joined.split(_SEPARATOR)
    if len(items) != len(raws):
        items = [bytes(raw) for raw in raws]
    if not joined.isascii() and not is_utf8(joined):
        for row, item in enumerate(items):
            if not is_utf8(item):
                items[row] = b"null"
                odd.add(row)
    if max(map(len, items)) >= _DEEP_BYTES:
        odd.update(row for row, item in enumerate(items) if len(item) >= _DEEP_BYTES and _may_be_too_deep(item))
    return items


def _may_be_too_deep(item: bytes) -> bool:
    return item.count(b"{") + item.count(b"[") > MAX_DEPTH - 2


def _with_wrappers(
    metadata: list[bytes], wrapped: dict[int, _Wrapped], published: list[Time], odd: set[int]
) -> list[bytes]:
    """The metadata with what the collector said of batch and producer, under `_extra`; its times into `published`."""
    if not wrapped:
        return metadata
    doubtful = set[int]()
    batches = _items([whole.batch_id for whole in wrapped.values()], doubtful)
    producers = _items([whole.producer_id for whole in wrapped.values()], doubtful)
    for place, (row, whole) in enumerate(wrapped.items()):
        published[row] = whole.published_at
        said = _said(batches[place], producers[place])
        if not said:
            continue
        own = metadata[row]
        if place in doubtful or b"_extra" in own or b"\\" in own:
            odd.add(row)
        else:
            body = own[:-1].rstrip()
            metadata[row] = b'%b%b"_extra":{"_wrapper":{%b}}}' % (body, b"" if body == b"{" else b",", said)
    return metadata


def _said(batch: bytes, producer: bytes) -> bytes:
    """Members of JSON, without those that are null."""
    if batch == b"null":
        return b"" if producer == b"null" else b'"producer_id":' + producer
    return b'"batch_id":' + batch + (b"" if producer == b"null" else b',"producer_id":' + producer)


def _mend(columns: Columns, found: dict[int, Envelope | str], errors: list[str | None]) -> None:
    """Put into the columns what `examine` found of the odd rows."""
    payloads: dict[str, tuple[list[int], list[str]]] = {name: ([], []) for name in _PAYLOADS}
    for row, envelope in found.items():
        if isinstance(envelope, str):
            errors[row] = envelope
            continue
        for name, part in envelope._asdict().items():
            if name in payloads:
                payloads[name][0].append(row)
                payloads[name][1].append(part.decode())
            else:
                columns[name][row] = part
    for name, (rows, texts) in payloads.items():
        if rows:
            columns[name] = columns[name].scatter(rows, texts)
