"""What is an event, record by record; and that the quick look and the definition never disagree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.envelope import EVENT_FIELDS, WRAPPER_FIELDS, Envelope, examine
from ingest.envelopes import _Bare, _Wrapped, read_all
from ingest.events import Reason

LIMIT = 1 << 20
EVENT = {
    "event_id": "e-1",
    "event_type": "page_view",
    "timestamp": "2025-09-05T10:00:00Z",
    "learner_id": "learner-1",
    "session_id": "s-1",
    "data": {"page_id": "p-1"},
    "metadata": {"app": "web"},
    "version": "1.0",
}


def value(changes: dict | None = None, without: tuple[str, ...] = (), wrapper: dict | None = None) -> bytes:
    event = {name: part for name, part in (EVENT | (changes or {})).items() if name not in without}
    return json.dumps(event if wrapper is None else {"event": event} | wrapper, ensure_ascii=False).encode()


def read_each(values: list[bytes | None], limit: int = LIMIT) -> list[Envelope | str]:
    """What the consumer's reading of these values says of each."""
    columns, errors = read_all(values, limit)
    parts = [
        columns[name].to_list() if hasattr(columns[name], "to_list") else columns[name] for name in Envelope._fields
    ]
    rows = zip(*parts, strict=True)
    return [
        error
        or Envelope(
            *(
                part.encode() if name in ("data", "metadata") else part
                for name, part in zip(Envelope._fields, row, strict=True)
            )
        )
        for error, row in zip(errors, rows, strict=True)
    ]


def read(raw: bytes | None, limit: int) -> Envelope | str:
    return read_each([raw], limit)[0]


def envelope(raw: bytes):
    found = read(raw, LIMIT)
    assert not isinstance(found, str), found
    return found


def test_a_bare_event_is_taken_as_it_is():
    found = envelope(
        b'{"event_id":"e","event_type":"t","timestamp":1,"learner_id":"l","data":{"a" : 1.50},"version":2.0}'
    )
    assert found.data == b'{"a" : 1.50}', "the producer's own bytes"
    assert (found.tenant_id, found.session_id, found.schema_version, found.metadata) == (
        "default",
        None,
        "2.0",
        b"{}",
    )


def test_a_wrapped_event_keeps_what_the_collector_said():
    found = envelope(value(wrapper={"batch_id": "b-7", "published_at": "2025-09-05T10:00:01Z", "producer_id": "c"}))
    assert found.event_id == "e-1"
    assert found.published_at == "2025-09-05T10:00:01Z"
    assert json.loads(found.metadata) == {
        "app": "web",
        "_extra": {"_wrapper": {"batch_id": "b-7", "producer_id": "c"}},
    }


def test_aliases_are_taken():
    raw = value(
        {"occurred_at": 1757066400000, "payload": {"x": 1}, "context": {"y": 2}, "schema_version": 3},
        without=("timestamp", "data", "metadata", "version"),
    )
    found = envelope(raw)
    assert (found.timestamp, found.data, found.metadata, found.schema_version) == (
        1757066400000,
        b'{"x": 1}',
        b'{"y": 2}',
        "3",
    )


@pytest.mark.parametrize(
    ("changes", "extra"),
    [
        ({"grade": 7}, {"grade": 7}),
        ({"grade": None}, {"grade": None}),
        ({"published_at": "2025"}, {"published_at": "2025"}),
        ({"occurred_at": "2024-01-01T00:00:00Z"}, {"occurred_at": "2024-01-01T00:00:00Z"}),
        ({"payload": {"second": 1}}, {"payload": {"second": 1}}),
        ({"event": {"nested": True}}, {"event": {"nested": True}}),
        ({"größe": "ü"}, {"größe": "ü"}),
    ],
)
def test_a_field_without_a_column_is_kept(changes, extra):
    assert json.loads(envelope(value(changes)).metadata) == EVENT["metadata"] | {"_extra": extra}


def test_a_producers_own_extra_is_not_touched():
    found = envelope(value({"metadata": {"_extra": 1}, "grade": 7}))
    assert json.loads(found.metadata) == {"_extra": 1, "__extra": {"grade": 7}}
    wrapped = envelope(value({"metadata": {"_extra": 1}, "_wrapper": 0}, wrapper={"batch_id": "b", "colour": "red"}))
    kept = {"_wrapper": 0, "__wrapper": {"batch_id": "b", "colour": "red"}}
    assert json.loads(wrapped.metadata) == {"_extra": 1, "__extra": kept}


def test_null_and_empty_options_count_as_absent():
    found = envelope(value({"session_id": "", "tenant_id": None, "data": None, "version": None, "sent_at": ""}))
    assert (found.session_id, found.tenant_id, found.data, found.schema_version, found.sent_at) == (
        None,
        "default",
        b"{}",
        "1.0",
        None,
    )


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" ", "not_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (value({"data": {"x": "@"}}).replace(b"@", b"\xc3"), "not_utf8"),
        (value()[:-1], "not_json"),
        (value() + value(), "not_json"),
        (b"\xef\xbb\xbf" + value(), "not_json"),
        (value({"data": {"x": "@"}}).replace(b"@", rb"\ud800"), "not_json"),
        (value({"data": {"x": "@"}}).replace(b'"@"', b"NaN"), "not_json"),
        (value({"data": {"x": "@"}}).replace(b'"@"', b"[" * 100_000 + b"]" * 100_000), "not_json"),
        (b"null", "not_object"),
        (b"17", "not_object"),
        (b'["a"]', "not_object"),
        (b"{}", "missing:event_id"),
        (value({"event_id": None}), "missing:event_id"),
        (value({"event_id": ""}), "missing:event_id"),
        (value({"event_type": 7}), "wrong_type:event_type"),
        (value({"learner_id": "x" * 256}), "too_long:learner_id"),
        (value(without=("timestamp",)), "missing:timestamp"),
        (value({"timestamp": ""}), "missing:timestamp"),
        (value({"timestamp": True}), "wrong_type:timestamp"),
        (value({"occurred_at": []}, without=("timestamp",)), "wrong_type:timestamp"),
        (value({"session_id": 5}), "wrong_type:session_id"),
        (value({"tenant_id": {}}), "wrong_type:tenant_id"),
        (value({"sent_at": {}}), "wrong_type:sent_at"),
        (value({"data": []}), "wrong_type:data"),
        (value({"payload": "x"}, without=("data",)), "wrong_type:data"),
        (value({"metadata": "x"}), "wrong_type:metadata"),
        (value({"version": True}), "wrong_type:version"),
        (value(wrapper={"published_at": []}), "wrong_type:published_at"),
        (value({"event_id": 1, "data": []}), "wrong_type:event_id"),
        (b'{"event":null,"batch_id":"b"}', "missing:event_id"),
        (b'{"event":"text"}', "missing:event_id"),
    ],
)
def test_what_is_no_event_and_why(raw, error):
    assert read(raw, LIMIT) == error


@pytest.mark.parametrize(("depth", "valid"), [(199, True), (200, False), (990, False)])
def test_the_depth_of_nesting_has_a_limit_of_its_own(depth, valid):
    """Wherever Python's stack stands. The event's own braces count."""
    raw = value({"data": {"x": "@"}}).replace(b'{"x": "@"}', b'{"x":' * depth + b'"[[[{{{"' + b"}" * depth)

    def deeper(frames: int):
        return deeper(frames - 1) if frames else read(raw, LIMIT)

    assert {isinstance(deeper(frames), tuple) for frames in (0, 500)} == {valid}
    assert read(raw, LIMIT) == examine(raw)


def test_the_longest_texts_are_counted_in_characters():
    assert envelope(value({"learner_id": "ü" * 255})).learner_id == "ü" * 255


def test_a_record_over_the_limit_is_not_looked_into():
    assert read(value(), len(value())) == envelope(value())
    assert read(value(), len(value()) - 1) == Reason.TOO_LARGE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
field_values = {
    "event_id": st.text(min_size=1, max_size=300),
    "event_type": st.sampled_from(["page_view", "x"]),
    "learner_id": st.text(max_size=5),
    "timestamp": st.sampled_from(["2025-09-05T10:00:00Z", "", "yesterday"]) | st.integers(),
    "occurred_at": st.sampled_from(["2025-09-05T10:00:00Z", "", None]),
    "session_id": st.none() | st.text(max_size=3),
    "tenant_id": st.none() | st.text(max_size=3),
    "sent_at": st.none() | st.sampled_from(["", "2025-09-05T10:00:00Z", 0]),
    "data": st.none() | st.dictionaries(st.text(max_size=3), json_values, max_size=2),
    "payload": st.none() | st.dictionaries(st.text(max_size=3), json_values, max_size=2),
    "metadata": st.none() | st.dictionaries(st.sampled_from(["_extra", "a\\b", "c"]), json_values, max_size=2),
    "context": st.none() | st.just({}),
    "version": st.none() | st.sampled_from(["1.0", "", 1, 2.5, True]),
    "schema_version": st.none() | st.just("2"),
    "unknown": json_values,
    "published_at": st.none() | st.just("2025-09-05T10:00:00Z"),
    "batch_id": json_values,
}


@st.composite
def records(draw) -> bytes:
    """Mostly events, some a little wrong, as any producer may write them."""
    names = draw(st.sets(st.sampled_from(sorted(field_values)))) | {"event_id", "event_type", "learner_id"}
    event = {name: draw(st.one_of(field_values[name], field_values[name], json_values)) for name in names}
    if draw(st.booleans()):
        outer = draw(st.sets(st.sampled_from(["batch_id", "published_at", "producer_id", "event_id", "other"])))
        event = {"event": event} | {name: draw(json_values) for name in outer}
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    raw = json.dumps(event, separators=separators, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    return raw if draw(st.integers(0, 9)) else draw(st.binary(max_size=4)) + raw[draw(st.integers(0, 3)) :]


@given(st.lists(records() | st.binary(min_size=1, max_size=40), max_size=12))
def test_the_quick_look_and_the_definition_agree_whatever_the_neighbours(values):
    assert read_each(values) == [examine(raw) for raw in values]


def test_the_quick_look_knows_the_fields_of_the_definition():
    assert set(_Bare.__struct_fields__) == EVENT_FIELDS
    assert set(_Wrapped.__struct_fields__) == WRAPPER_FIELDS


def test_a_wrapper_may_begin_with_any_of_its_fields():
    raw = b'{"published_at":"2025-09-05T10:00:01Z","producer_id":"c","batch_id":"b","event":' + value() + b"}"
    assert json.loads(envelope(raw).metadata)["_extra"] == {"_wrapper": {"batch_id": "b", "producer_id": "c"}}
    assert envelope(raw) == examine(raw)


@given(records())
def test_nothing_that_a_producer_sent_vanishes(raw):
    found = read(raw, LIMIT)
    if isinstance(found, str):
        return
    sent = json.loads(raw)
    event = sent if "event_id" in sent else sent["event"]
    metadata = json.loads(found.metadata)
    own = event.get("metadata") or event.get("context") or {}
    assert metadata.keys() - own.keys() <= {"_extra", "__extra"}
    kept = [metadata[name] for name in metadata.keys() - own.keys()]
    unnamed = {name: part for name, part in event.items() if name not in EVENT_FIELDS and part is not None}
    assert unnamed.keys() <= (kept[0] if kept else {}).keys()
