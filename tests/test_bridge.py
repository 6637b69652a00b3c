"""Streams of other standards: every record found with its place, and each one mapped or kept, however it comes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.bridge import STANDARDS, Rejected, Tally, bridge
from ingest.documents import Reading, read_pieces
from ingest.durations import seconds_of
from ingest.envelope import Envelope, examine
from ingest.errors import InputError
from ingest.times import parse_times
from tests.test_caliper import PAGE, STANDARD, caliper
from tests.test_xapi import UNIT, statement

Sent = list[tuple[bytes | None, bytes]]


def through(
    text: bytes, kind: str = "xapi", *, forward: bool = True, **limit: int
) -> tuple[Sent, list[Rejected], Tally, Reading]:
    rejected, tally, reading = list[Rejected](), Tally(), Reading()
    pieces = read_pieces(io.BytesIO(text), STANDARDS[kind].batch, reading, **limit)
    sent = list(bridge(pieces, STANDARDS[kind], tally, rejected.append, forward=forward))
    return sent, rejected, tally, reading


def numbered(*numbers: int) -> list[dict[str, Any]]:
    return [statement("initialized", UNIT, id=f"00000000-0000-4000-8000-{number:012}") for number in numbers]


def ids(sent: Sent) -> list[int]:
    return [int(json.loads(value)["event_id"][-12:]) for _, value in sent]


def dumped(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, indent=indent).encode()


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "document",
    [
        numbered(1, 2, 3),
        {"statements": numbered(1, 2, 3), "more": ""},
        {"statements": numbered(1, 2, 3)},
        [{"statements": numbered(1)}, *numbered(2), {"statements": numbered(3)}],
    ],
)
def test_a_document_on_one_line_or_many_is_unpacked(document, indent):
    for prefix in (b"", b"\n \n", b"\xef\xbb\xbf"):
        sent, rejected, tally, _ = through(prefix + dumped(document, indent))
        assert (ids(sent), rejected, tally.mapped) == ([1, 2, 3], [], 3)


def test_lines_hold_one_record_or_several():
    lines = [dumped(numbered(1)[0]), b"", dumped({"statements": numbered(2, 3), "more": "/more?token=x"}), b"  "]
    sent, _, _, reading = through(b"\r\n".join([*lines, dumped(numbered(4))]))
    assert ids(sent) == [1, 2, 3, 4]
    assert reading == Reading(empty=2, unfinished=1)


def test_a_reject_is_told_by_its_place_and_kept_as_it_came():
    good = dumped(numbered(1)[0])
    lines = [good, b'{"actor": "secret",', b'[1, {"x":\t2}]', b"\xff", dumped({"statements": [{}, *numbered(2)]})]
    sent, rejected, tally, _ = through(b"\n".join(lines))
    assert rejected == [
        ("line 2", "not_json", lines[1]),
        ("line 3, item 1", "not_object", b"1"),
        ("line 3, item 2", "no_verb", b'{"x":\t2}'),
        ("line 4", "not_json", b"\xff"),
        ("line 5, item 1", "no_verb", b"{}"),
    ]
    assert [value for _, value in sent if b"initialized" not in value] == [each.value for each in rejected]
    assert tally.rejected == {"not_json": 2, "not_object": 1, "no_verb": 2}
    assert all(isinstance(examine(each.value), str) for each in rejected), "the consumer quarantines them"
    assert through(b"\n".join(lines), forward=False)[0] == [sent[0], sent[-1]]


def test_a_reject_of_an_envelope_keeps_it_and_can_be_read_again():
    envelope = {"sensor": "s", "sendTime": "2025-09-05T10:15:01Z", "dataVersion": "v1p2"}
    good, bad = caliper("ViewEvent", "Viewed", PAGE), caliper("ViewEvent", "Viewed", PAGE, eventTime=None)
    text = dumped(envelope | {"data": [good, bad]}, indent=1)
    sent, [rejected], _, _ = through(text, "caliper", forward=False)
    assert (len(sent), rejected.place, rejected.reason) == (1, "item 2", "no_time")
    assert json.loads(rejected.value) == envelope | {"data": [bad]}
    mended = rejected.value.replace(b'"action"', b'"eventTime": "2025-09-05T10:15:00Z", "action"')
    [(_, value)], _, _, _ = through(mended, "caliper")
    assert json.loads(value)["event"]["metadata"]["envelope"] == envelope


def test_a_broken_document_is_read_as_lines_and_nothing_of_it_is_lost():
    text = b"[\n" + dumped(numbered(1)[0]) + b"\n,\n" + dumped(numbered(2)[0])
    sent, rejected, _, _ = through(text)
    assert [each.value for each in rejected] == [b"[", b","]
    assert ids([sent[1], sent[3]]) == [1, 2]
    again, _, _, _ = through(text, max_bytes=len(text) - 1)
    assert again == sent, "what is too long to be a document"


def test_lines_are_read_one_at_a_time():
    class Pipe(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("the rest was read at once")

    pieces = read_pieces(Pipe(b"{}\n{}\n"), STANDARDS["xapi"].batch, Reading())
    assert [piece.place for piece in pieces] == ["line 1", "line 2"]


def test_a_line_beyond_the_limit_and_a_stream_that_breaks_are_named():
    with pytest.raises(InputError, match="line 2 is longer than 100 bytes"):
        through(b"{}\n" + b"x" * 101, max_bytes=100)

    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match="Input/output error"):
        list(read_pieces(Broken(), STANDARDS["xapi"].batch, Reading()))


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("PT0S", 0),
        ("PT1M2.5S", Decimal("62.5")),
        ("P1DT2H3M4S", 93_784),
        ("P2W", 1_209_600),
        ("P0Y0M1D", 86_400),
        ("PT0,5H", 1_800),
        *((wrong, None) for wrong in ("P", "PT", "P1Y", "P1M", "1H", "PT1", "-PT1S", "PT1H ", "PT\u0661S", 60, None)),
    ],
)
def test_durations_are_seconds_where_their_length_is_certain(duration, seconds):
    assert seconds_of(duration) == seconds


words = st.text(max_size=6) | st.sampled_from(["", "2025-09-05T10:00:00Z", "PT5S", "Group", "mailto:a@b.c"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn, whole: dict[str, Any]) -> Any:
    """A record with members replaced by anything, at any depth."""
    found: dict[str, Any] = {}
    for name, value in whole.items():
        how = draw(st.sampled_from(["as it is", "as it is", "as it is", "inside", "replaced", "gone"]))
        if how == "replaced":
            found[name] = draw(anything)
        elif how == "inside" and isinstance(value, dict):
            found[name] = draw(damaged(value))
        elif how != "gone":
            found[name] = value
    return found | draw(st.dictionaries(words, anything, max_size=1))


QUESTION = {
    "objectType": "Activity",
    "id": "https://x.org/q",
    "definition": {"type": "urn:t", "interactionType": "choice", "name": {"en": "Q"}, "extensions": {}},
}
STATEMENT = statement(
    "answered",
    QUESTION,
    result={"score": {"scaled": 0.5, "raw": 1, "min": 0, "max": 2}, "success": True, "duration": "PT5S"},
    context={"registration": "r", "language": "en", "contextActivities": {"parent": [UNIT]}, "extensions": {}},
    stored="2025-09-05T10:00:01Z",
)
ATTEMPT = {"id": "urn:a", "type": "Attempt", "count": 1, "assignee": {"id": "urn:l"}, "assignable": PAGE}
GENERATED = {"type": "Score", "scoreGiven": 1.5, "maxScore": 2, "attempt": ATTEMPT}
GRADED = caliper("GradeEvent", "Graded", ATTEMPT, generated=GENERATED, session={"id": "urn:s", "user": "urn:l"})
VERBS = [(kind, action) for kind, actions in STANDARD.items() for action in actions.split()]
samples = st.one_of(
    damaged(STATEMENT).map(lambda each: ("xapi", each)),
    damaged(GRADED).map(lambda each: ("caliper", each)),
    st.sampled_from(VERBS).map(lambda words: ("caliper", caliper(*words, PAGE))),
    anything.map(lambda each: ("xapi", each)),
)


def test_the_place_of_a_reject_is_its_line_in_the_file():
    _, rejected, _, reading = through(b"\n \n" + dumped(numbered(1)[0]) + b"\n\nx\n")
    assert [each.place for each in rejected] == ["line 5"]
    assert reading.empty == 3
    assert through(b"{\n}")[1] == [("the document", "no_verb", b"{\n}")]


def everywhere(value: Any, wrong: Any) -> Iterator[Any]:
    """The value with `wrong` at each of its places, one at a time."""
    yield wrong
    if isinstance(value, dict):
        for name in value:
            yield from (value | {name: each} for each in everywhere(value[name], wrong))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield from ([*value[:place], each, *value[place + 1 :]] for each in everywhere(inner, wrong))


@pytest.mark.parametrize("wrong", [None, True, 7, 0.5, "", "x", [], [[]], {}, {"id": {}}, ["x"]], ids=str)
@pytest.mark.parametrize(("kind", "whole"), [("xapi", STATEMENT), ("caliper", GRADED)], ids=["xapi", "caliper"])
def test_whatever_stands_anywhere_is_mapped_or_rejected(kind, whole, wrong):
    records = [each for each in everywhere(whole, wrong) if isinstance(each, dict)]
    sent, rejected, tally, _ = through(b"\n".join(map(dumped, records)), kind)
    assert len(sent) == len(records) > 25
    assert tally.mapped == len(records) - len(rejected) > len(records) / 3
    assert all(isinstance(examine(value), str) == (value in {each.value for each in rejected}) for _, value in sent)


def test_numbers_beyond_all_bounds_are_no_crash():
    for number in ("1e99999999999999999999", "9" * 5000, "1e999999999", "-0.0", "1." + "3" * 400):
        score = dumped(STATEMENT).replace(b'"raw": 1', b'"raw": ' + number.encode()).replace(b'"scaled": 0.5, ', b"")
        for text in (score, score.replace(b'"min": 0', b'"min": 1'), score.replace(b'"max": 2', b'"max": 1e-99')):
            sent, rejected, _, _ = through(text)
            assert number.encode() in sent[0][1]
            assert bool(rejected) == isinstance(examine(sent[0][1]), str)


@given(st.lists(samples, max_size=5), st.sampled_from([None, 1]))
def test_every_record_is_an_event_or_a_reject_and_always_the_same(drawn, indent):
    for kind in STANDARDS:
        records = [record for belongs, record in drawn if belongs == kind]
        text = dumped([[each] if isinstance(each, list) else each for each in records], indent)
        sent, rejected, tally, _ = through(text, kind)
        assert tally.mapped + len(rejected) == len(sent) == len(records)
        kept = {each.value for each in rejected}
        for record, (key, value) in zip(records, sent, strict=True):
            if value in kept:
                assert json.loads(value) == ([record] if isinstance(record, list) else record)
                continue
            envelope = examine(value)
            assert isinstance(envelope, Envelope)
            assert key == envelope.learner_id.encode()
            assert json.loads(envelope.metadata)[kind] == record, "nothing of the source is lost"
            times = {name: [getattr(envelope, name)] for name in ("timestamp", "sent_at", "published_at")}
            read = parse_times(times)
            assert all(read[name][0] is not None for name, [time] in times.items() if time is not None)
        assert through(text, kind)[0] == sent


@given(st.lists(damaged(statement("initialized", UNIT, id=None)), max_size=6))
def test_different_records_without_an_id_never_share_one(records):
    records = [{**each, "id": None} for each in records if isinstance(each, dict)]
    sent, _, tally, _ = through(dumped(records), forward=False)
    assert len(sent) == tally.mapped
    found = {json.loads(value).get("event", json.loads(value))["event_id"] for _, value in sent}
    originals = {json.dumps(metadata(value), sort_keys=True) for _, value in sent}
    assert len(found) == len(originals)


def metadata(value: bytes) -> Any:
    event = json.loads(value)
    return event.get("event", event)["metadata"]["xapi"]
