from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode import Decoder
from ingest.events import SCHEMA
from ingest.records import Partition, Records
from tests.test_envelope import records as raw_values
from tests.test_envelope import value

NOW = datetime(2025, 9, 5, 12, tzinfo=UTC)
DECODE = Decoder(Partition("events_raw", 3), "id-1", 1 << 20)


def columns(*values: bytes | None) -> Records:
    records = Records()
    for index, item in enumerate(values):
        records.append(100 + index * 2, 1757066400000 + index if index % 2 else None, item)
    return records


def test_one_row_for_every_record_in_the_schema():
    frame = DECODE(columns(value(), b"", None, b"\x00\xff", value({"timestamp": "soon"}), value()), NOW)
    assert dict(frame.schema) == SCHEMA
    assert frame.columns == list(SCHEMA)
    assert frame["_offset"].to_list() == [100, 102, 104, 106, 108, 110]
    assert frame["_error"].to_list() == [None, "empty", "empty", "not_utf8", "bad_timestamp:timestamp", None]
    assert frame["_raw"].to_list() == [None, b"", None, b"\x00\xff", value({"timestamp": "soon"}), None]


def test_a_quarantined_row_has_no_event_columns():
    row = DECODE(columns(value({"sent_at": "soon"})), NOW).row(0, named=True)
    assert row["_error"] == "bad_timestamp:sent_at"
    assert {name: part for name, part in row.items() if not name.startswith("_") and part is not None} == {}


def test_the_first_bad_time_counts():
    raw = value({"timestamp": "x", "sent_at": "y"}, wrapper={"published_at": "z"})
    assert DECODE(columns(raw), NOW)["_error"].to_list() == ["bad_timestamp:timestamp"]
    raw = value(wrapper={"published_at": "z"})
    assert DECODE(columns(raw), NOW)["_error"].to_list() == ["bad_timestamp:published_at"]


def test_where_and_when_a_record_came_stands_in_its_row():
    row = DECODE(columns(value(), value()), NOW).row(1, named=True)
    assert (row["_topic"], row["_topic_id"], row["_partition"], row["_offset"]) == ("events_raw", "id-1", 3, 102)
    assert row["_kafka_timestamp"] == datetime(2025, 9, 5, 10, 0, 0, 1000, tzinfo=UTC)
    assert row["_ingested_at"] == NOW


def test_payloads_are_the_producers_text():
    raw = json.dumps({"event_id": "e", "event_type": "t", "timestamp": 0, "learner_id": "l"})[:-1]
    raw += ', "data": {"n": 1.10,  "u": "\\u00fc", "ü": 1e3}}'
    assert DECODE(columns(raw.encode()), NOW)["data"].item() == '{"n": 1.10,  "u": "\\u00fc", "ü": 1e3}'


def test_a_broker_time_that_names_no_instant_is_null():
    records = Records()
    for offset, timestamp in enumerate([1757066400000, 1757066400000 * 10**6, 2**63 - 1, -(2**63), None]):
        records.append(offset, timestamp, value())
    found = DECODE(records, NOW)["_kafka_timestamp"].to_list()
    assert found == [datetime(2025, 9, 5, 10, tzinfo=UTC), None, None, None, None]


def test_no_records_give_an_empty_frame_of_the_schema():
    frame = DECODE(Records(), NOW)
    assert frame.height == 0
    assert frame.columns == list(SCHEMA)


@given(st.lists(raw_values() | st.binary(max_size=20) | st.none(), min_size=1, max_size=8))
def test_a_record_is_judged_alone(values):
    together = DECODE(columns(*values), NOW)
    apart = pl.concat(
        DECODE(columns(*values).head(index + 1).from_offset(100 + 2 * index), NOW) for index in range(len(values))
    )
    assert together.equals(apart)
    errors, raws = together["_error"].to_list(), together["_raw"].to_list()
    assert raws == [item if error else None for item, error in zip(values, errors, strict=True)]
