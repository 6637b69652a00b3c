"""Many records' values → columns of envelopes, or the reasons why they are no events.

One strict pass over each record hands out the envelope and the payload's own bytes, for the usual shapes; from
then on all is done in columns. Whatever is not of a usual shape, or no UTF-8, or perhaps too deep, is left to
`ingest.envelope.examine`, which is the definition: a property test holds the two together. A record is judged
by itself, whatever its neighbours are.
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
#: A text can't be nested deeper than `MAX_DEPTH`, two levels around it included, with fewer bytes than this.
_DEEP_BYTES: Final = 2 * (MAX_DEPTH - 1)

#: What no JSON holds: texts that it joins are split again, faster than each is copied by itself.
_SEPARATOR: Final = b"\0"
_EMPTY: Final = {
    **{name: [] for name in Envelope._fields},
    **{name: pl.Series(dtype=pl.String) for name in ("data", "metadata")},
}

#: The columns, by name: lists of texts and times as sent, and the two payloads as `pl.String`.
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
    if not values:
        return _EMPTY, errors
    events, wrapped, odd = _decoded(_readable(values, max_bytes, errors))
    columns = _plain_columns(events, odd)
    columns["published_at"] = _published(wrapped, len(values))
    for name, alias in (("data", "payload"), ("metadata", "context")):
        columns[name] = _payloads(events, name, alias, odd)
    columns["metadata"] = _with_wrappers(columns["metadata"], wrapped, odd)
    _mend(columns, {row: examine(values[row] or b"") for row in sorted(odd)}, errors)
    return columns, errors


def _readable(values: Sequence[bytes | None], max_bytes: int, errors: list[str | None]) -> Sequence[bytes]:
    """The values, those that are not to be looked into replaced by some event; `errors` says why."""
    if all(values) and max(map(len, values)) <= max_bytes:  # type: ignore[arg-type]  # no None is left
        return values  # type: ignore[return-value]
    for row, value in enumerate(values):
        if not value:
            errors[row] = Reason.EMPTY
        elif len(value) > max_bytes:
            errors[row] = Reason.TOO_LARGE
    return [_ANY if error else value or _ANY for value, error in zip(values, errors, strict=True)]


def _decoded(values: Sequence[bytes]) -> tuple[list[_Bare], dict[int, _Wrapped], set[int]]:
    """The event of each record, the wrappers of those that have one, and the rows that are of no usual shape."""
    events: list[_Bare] = []
    wrapped: dict[int, _Wrapped] = {}
    odd: set[int] = set()
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
    return events, wrapped, odd


def _wrapped_otherwise(value: bytes) -> _Wrapped | None:
    """A wrapped event whose wrapper begins with something else."""
    if value.startswith(b'{"event":') or b'"event"' not in value:
        return None
    try:
        return _decode_wrapped(value)
    except UNREADABLE:
        return None


def _plain_columns(events: list[_Bare], odd: set[int]) -> Columns:
    """The columns that are no payload, with their aliases taken in."""
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
    return {
        "event_id": [event.event_id for event in events],
        "event_type": [event.event_type for event in events],
        "timestamp": times,
        "learner_id": [event.learner_id for event in events],
        "tenant_id": [event.tenant_id or DEFAULT_TENANT for event in events],
        "session_id": [event.session_id or None for event in events],
        "sent_at": _none_for_empty([event.sent_at for event in events]),
        "schema_version": _versions(events, odd),
    }


def _none_for_empty(times: list[Time]) -> list[Time]:
    return [None if time == "" else time for time in times] if "" in times else times


def _published(wrapped: dict[int, _Wrapped], count: int) -> list[Time]:
    times: list[Time] = [None] * count
    for row, whole in wrapped.items():
        times[row] = whole.published_at
    return _none_for_empty(times)


def _versions(events: list[_Bare], odd: set[int]) -> list[str | None]:
    """The texts of versions. There are few different ones, and each is read once."""
    raws = _one_of_two([event.version for event in events], [event.schema_version for event in events], odd)
    if raws.count(_NULL) == len(raws):
        return [DEFAULT_SCHEMA_VERSION] * len(raws)
    first = bytes(raws[0])
    joined = _SEPARATOR.join(raws)
    if joined == _SEPARATOR.join([first] * len(raws)) and (text := version_text(first)):
        return [text] * len(raws)
    texts = _texts(raws, odd)
    known = {text: version_text(text.encode()) for text in texts.unique()}
    if None in known.values():
        odd.update(texts.is_in([text for text, version in known.items() if version is None]).arg_true())
    return texts.replace_strict(known, return_dtype=pl.String).to_list()


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


def _payloads(events: list[_Bare], name: str, alias: str, odd: set[int]) -> pl.Series:
    """A payload's column: objects as the producer wrote them, `{}` for none."""
    if name == "data":
        raws = _one_of_two([event.data for event in events], [event.payload for event in events], odd)
    else:
        raws = _one_of_two([event.metadata for event in events], [event.context for event in events], odd)
    texts = _texts(raws, odd)
    if texts.str.starts_with("{").all():
        return texts.alias(name)
    objects = pl.when(texts.str.starts_with("{")).then(texts).when(texts == "null").then(pl.lit("{}"))
    column = pl.select(objects.alias(name)).to_series()
    odd.update(column.is_null().arg_true().to_list())
    return column


def _texts(raws: Sequence[Raw], odd: set[int], rows: Sequence[int] | None = None) -> pl.Series:
    """The texts of raw JSON; one that is no UTF-8, or that may be too deep, makes its row odd.

    `rows` are theirs, if they are not all of them in order.
    """
    joined = _SEPARATOR.join(raws)
    unread: list[int] = []
    if joined.count(_SEPARATOR) == len(raws) - 1 and (joined.isascii() or is_utf8(joined)):
        texts = pl.Series([joined], dtype=pl.Binary).cast(pl.String).str.split(_SEPARATOR.decode()).explode()
    else:
        items = [bytes(raw) for raw in raws]
        unread = [place for place, item in enumerate(items) if not is_utf8(item)]
        for place in unread:
            items[place] = b"null"
        texts = pl.Series(items, dtype=pl.Binary).cast(pl.String)
    long = (texts.str.len_bytes() >= _DEEP_BYTES).arg_true()
    if len(long):
        longest = texts.gather(long)
        brackets = longest.str.count_matches("{", literal=True) + longest.str.count_matches("[", literal=True)
        unread += long.filter(brackets > MAX_DEPTH - 2).to_list()
    odd.update(unread if rows is None else (rows[place] for place in unread))
    return texts


def _with_wrappers(metadata: pl.Series, wrapped: dict[int, _Wrapped], odd: set[int]) -> pl.Series:
    """The metadata with what the collector said of the batch and the producer, under `_extra`."""
    said = {
        row: whole for row, whole in wrapped.items() if whole.batch_id is not _NULL or whole.producer_id is not _NULL
    }
    if not said:
        return metadata
    rows = list(said)
    frame = pl.DataFrame(
        {
            "batch": _texts([whole.batch_id for whole in said.values()], odd, rows),
            "producer": _texts([whole.producer_id for whole in said.values()], odd, rows),
            "metadata": metadata.gather(rows),
        }
    )
    taken = pl.col("metadata").str.contains_any(["_extra", "\\"])
    found = frame.select(_EXTENDED.alias("extended"), taken.alias("taken"))
    odd.update(rows[place] for place in found["taken"].fill_null(value=True).arg_true())
    return metadata.scatter(rows, found["extended"])


def _member(name: str, column: str) -> pl.Expr:
    text = pl.col(column)
    return pl.when(text != "null").then(pl.concat_str(pl.lit(f'"{name}":'), text))


_SAID: Final = pl.concat_str(
    _member("batch_id", "batch"), _member("producer_id", "producer"), separator=",", ignore_nulls=True
)
_BODY: Final = pl.col("metadata").str.strip_suffix("}").str.strip_chars_end(" \t\n\r")
_EXTENDED: Final = (
    pl.when(_SAID == "")
    .then(pl.col("metadata"))
    .otherwise(
        pl.concat_str(
            _BODY,
            pl.when(_BODY == "{").then(pl.lit("")).otherwise(pl.lit(",")),
            pl.lit('"_extra":{"_wrapper":{'),
            _SAID,
            pl.lit("}}}"),
        )
    )
)


def _mend(columns: Columns, found: dict[int, Envelope | str], errors: list[str | None]) -> None:
    """Put into the columns what `examine` found of the odd rows."""
    payloads: dict[str, tuple[list[int], list[str]]] = {"data": ([], []), "metadata": ([], [])}
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
