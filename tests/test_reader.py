"""The compiled reader says what the definition says, and reads the usual records itself."""

from __future__ import annotations

import gc
import json
import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode import Decoder
from ingest.envelope import EVENT_FIELDS, WRAPPER_FIELDS
from ingest.events import SCHEMA
from ingest.gathered import ReadAtOnce
from ingest.reader import compiled_reader
from ingest.records import Partition, Records
from tests.test_envelope import EVENT, records, value

NOW = datetime(2025, 9, 5, 12, tzinfo=UTC)
LIMIT = 1 << 20
READER = compiled_reader()
DECODER = Decoder(Partition("events_raw", 3), "id-1", LIMIT)

pytestmark = pytest.mark.skipif(
    READER is None, reason="no compiled reader: cargo was not there when the package was built"
)


def of(values: list[bytes | None]) -> Records:
    return Records.of(list(range(len(values))), [1757066400000] * len(values), values)


def frames(*portions: list[bytes | None]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of these records, read in such portions: by the compiled reader, and by the definition."""
    whole = of([each for portion in portions for each in portion])
    gathered = ReadAtOnce(DECODER, lambda: NOW, READER())
    start = 0
    for portion in portions:
        gathered.add(whole.rows(range(start, start + len(portion))))
        start += len(portion)
    return gathered.take(), DECODER(whole, NOW)


def left(*values: bytes | None, limit: int = LIMIT) -> list[int]:
    return READER().add(values, limit)


times = st.one_of(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(datetime.isoformat),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(
            [
                "2024-02-29T23:59:59",
                "2023-02-29T00:00:00",
                "1900-02-29T00:00:00",
                "2000-12-31T24:00:00",
                "2016-12-31T23:59:60",
                "0001-01-01T00:00:00",
                "9999-12-31T23:59:59",
                "0000-01-01T00:00:00",
                "2024-04-31T00:00:00",
                "2024-13-01T00:00:00",
                "2024-00-10T10:61:00",
                "1969-12-31T23:59:59",
                "2024-1-01T00:00:00",
                "2024-01-01t00:00:00",
                "2024-01-01 00:00:00",
                "+2024-01-01T00:00:00",
            ]
        ),
        st.sampled_from(["", ".5", ".123456789", ".1234567891", ".", ".999999", ",5"]),
        st.sampled_from(["", "Z", "z", "+02:00", "-23:59", "+24:00", "+0200", "-00:00", "+05:60", " Z", "Z "]),
        st.sampled_from(["", "", "", "\u0660"]),
    ),
    st.integers(-(10**17), 10**17),
    st.floats(allow_nan=False),
)


@st.composite
def timed(draw) -> bytes:
    raw = draw(records())
    return re.sub(rb'"2025-09-05T10:00:00Z"', lambda _: json.dumps(draw(times)).encode(), raw)


@st.composite
def spoiled(draw) -> bytes:
    """Records with a byte that is changed, added or gone: mostly within what was right a moment ago."""
    raw = bytearray(draw(timed()))
    place = draw(st.integers(0, max(len(raw) - 1, 0)))
    piece = draw(
        st.sampled_from(
            [
                b"",
                b'"',
                b"\\",
                b"\\u",
                b"{",
                b"}",
                b"[",
                b"]",
                b",",
                b":",
                b"\0",
                b"\n",
                b"\x7f",
                b"\x80",
                b"-",
                b".",
                b"0",
                b"1e5",
                b"e",
                b"null",
                b"\xc3\xbc",
                b"\xed\xa0\x80",
                b" ",
                b"\\ud83d",
                b"\\ude00",
            ]
        )
    )
    raw[place : place + draw(st.integers(0, 2))] = piece
    return bytes(raw)


portions = st.lists(timed() | spoiled() | st.binary(max_size=40) | st.none(), max_size=12)


@given(portions, portions)
def test_it_says_what_the_definition_says(some, more):
    compiled, defined = frames(some, more)
    assert compiled.equals(defined)
    assert dict(compiled.schema) == SCHEMA


def test_a_row_that_is_left_holds_nulls():
    reading, odd = READER(), value({**EVENT, "metadata": {"a": "\\"}, "unheard of": 1})
    assert reading.add([value(EVENT), b"{}", b"", odd], LIMIT) == [1, 2, 3]
    rows = reading.take()
    assert [row.count(None) == rows.width for row in rows.rows()] == [False, True, True, True]


NUMBERS = [
    "0",
    "-0",
    "00",
    "01",
    "-",
    "1.",
    ".5",
    "1.0",
    "1e",
    "1e5",
    "1E+05",
    "1e-0",
    "+1",
    "1_0",
    "0x1",
    "NaN",
    "1e999",
    "-1.5e-300",
]
STRINGS = [
    r"\n",
    r"\/",
    r"\x",
    r"\u00e",
    r"\u00e9",
    r"\uD83D\uDE00",
    r"\uD83D",
    r"\uDE00\uD83D",
    r"\ud83dx",
    r"\ud83d\n",
    "\t",
    "\x7f",
    "\u2028",
    "\0",
]
SHAPES = [
    "[]",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{1:2}",
    '{"a":1 "b":2}',
    "tru",
    "truex",
    "nul",
    "True",
    "[[]]",
    "[[]",
    "]",
    '{"a":1,"a":2}',
    "[ 1 , 2 ]",
    '{ "a" : 1 }',
]


@pytest.mark.parametrize("part", [*NUMBERS, *(f'"{text}"' for text in STRINGS), *SHAPES, ""])
@pytest.mark.parametrize(
    "field", ["data", "metadata", "version", "timestamp", "event_id", "session_id", "grade", "published_at"]
)
def test_every_form_of_json_is_taken_or_refused_as_by_the_definition(part, field):
    whole = value({field: "@"}).replace(b'"@"', part.encode())
    within = value({field: {"x": "@"}}).replace(b'"@"', part.encode())
    around = value(wrapper={"batch_id": {"x": ["@"]}, "published_at": None}).replace(b'"@"', part.encode())
    compiled, defined = frames([whole, within, around])
    assert compiled.equals(defined)


@pytest.mark.parametrize("depth", [150, 196, 197, 198, 199, 200, 201, 5000])
@pytest.mark.parametrize("bracket", [(b"[", b"]"), (b'{"x":', b"}")])
def test_depth_is_counted_as_by_the_definition(depth, bracket):
    nested = bracket[0] * depth + b"1" + bracket[1] * depth
    values = [
        value({"data": {"x": "@"}}).replace(b'"@"', nested),
        value({"data": {"x": "@"}}, wrapper={}).replace(b'"@"', nested),
        value(wrapper={"batch_id": "@"}).replace(b'"@"', nested),
        value({"grade": "@"}).replace(b'"@"', nested),
    ]
    compiled, defined = frames(values)
    assert compiled.equals(defined)


@pytest.mark.parametrize(
    "raw",
    [
        value(),
        value({"data": {"größe": "ü", "n": 1.50, "e": '\\n"\u2028'}}),
        value(
            {"occurred_at": 1757066400000, "payload": {"x": 1}, "context": {}},
            without=("timestamp", "data", "metadata"),
        ),
        value({"timestamp": "2025-09-05T10:00:00.123456789+05:30", "sent_at": "2025-09-05T10:00:00"}),
        value(wrapper={"batch_id": "b-7", "published_at": "2025-09-05T10:00:01Z", "producer_id": "c"}),
        b'{"producer_id":"c","batch_id":null,"event":' + value() + b"}",
        value({"grade": 7, "course": {"id": "c"}}),
        value({"grade": None, "metadata": {}}, wrapper={"batch_id": 7}),
        value({"session_id": "", "tenant_id": None, "data": None, "version": 2.5, "sent_at": ""}),
        value({"learner_id": "ü" * 255}),
        b" \n" + value() + b"\t ",
    ],
)
def test_the_usual_records_are_read_here(raw):
    """Or it would be right, and slow."""
    assert left(raw) == []
    compiled, defined = frames([raw])
    assert compiled.equals(defined)
    assert compiled["_error"].to_list() == [None]


def test_it_knows_the_fields_of_the_definition():
    """A field that it did not know would be kept twice: in its column and under `_extra`, or in neither."""
    for name in EVENT_FIELDS:
        compiled, defined = frames([value({name: EVENT.get(name, "2025-09-05T10:00:00Z")}, without=(name,)), value()])
        assert compiled.equals(defined)
    for name in WRAPPER_FIELDS - {"event"}:
        assert left(value(wrapper={name: "2025-09-05T10:00:00Z"})) == []


def test_what_is_empty_or_too_large_is_left_unread():
    assert left(value(), b"", None, value(), limit=len(value())) == [1, 2]
    assert left(value(), limit=len(value()) - 1) == [0]
    assert left() == []


def test_long_stretches_of_rows_with_and_without_values():
    """Beyond a byte of validity, in every position."""
    chance = random.Random(7)  # noqa: S311 - reproducible on purpose
    values = [
        value({"session_id": chance.choice([None, "s"]), "sent_at": chance.choice([None, 0])}) for _ in range(3000)
    ]
    values[500] = values[1999] = b"{"
    compiled, defined = frames(values)
    assert compiled.equals(defined)
    assert compiled["session_id"].null_count() > 1000


def test_much_at_once_is_read_piece_by_piece():
    """Pieces end between records, and what is left is counted from the first of all."""
    sizes = (10, 300_000, 10, 700_000, 10, 10, 600_000, 90_000)
    values = [value({"event_id": f"{row}", "data": {"text": "x" * size}}) for row, size in enumerate(sizes * 4)]
    values[0] = values[9] = values[17] = values[-1] = b"{"
    assert left(*values) == [0, 9, 17, 31]
    compiled, defined = frames(values)
    assert compiled.equals(defined)
    assert compiled["event_id"].null_count() == 4


def test_rows_are_taken_once():
    reading = READER()
    for name in ("a", "b", "c"):
        assert reading.add([value({"event_id": name})] * 3, LIMIT) == []
        assert reading.take()["event_id"].to_list() == [name] * 3
    assert reading.take().height == 0


def test_threads_read_side_by_side():
    portions = [[value({"event_id": f"{thread}-{row}"}) for row in range(500)] for thread in range(8)]

    def read(portion: list[bytes | None]) -> list[str]:
        reading = READER()
        for start in range(0, len(portion), 50):
            reading.add(portion[start : start + 50], LIMIT)
        return reading.take()["event_id"].to_list()

    with ThreadPoolExecutor(8) as threads:
        for portion, found in zip(portions, threads.map(read, portions), strict=True):
            assert found == [json.loads(raw)["event_id"] for raw in portion]


def test_memory_is_given_back():
    """Each table is released, that which nobody reads as well; and the rows that nobody takes."""
    resource = pytest.importorskip("resource")
    values = [value({"data": {"text": "x" * 2000}})] * 2000

    def peak() -> int:
        for _ in range(25):
            reading = READER()
            reading.add(values, LIMIT)
            reading.take()
            reading.add(values, LIMIT)
        gc.collect()
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    before = peak()
    assert peak() - before < 40_000, "kB; 25 tables that stay are 100 MB, as are 25 times the rows"


def test_a_table_leaves_nothing_behind_but_its_rows():
    """Its schema neither: a member of a group makes thousands of tables a day."""
    resource = pytest.importorskip("resource")
    reading = READER()

    def peak() -> int:
        for _ in range(4000):
            reading.add([value()], LIMIT)
            reading.take()
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    before = peak()
    assert peak() - before < 3_000, "kB; 4,000 schemas are 10 MB"
