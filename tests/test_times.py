from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.times import parse_times as parse_columns


def parse_times(values):
    return parse_columns({"sent": values})["sent"]


TEN = datetime(2025, 9, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "instant"),
    [
        ("2025-09-05T10:00:00Z", TEN),
        ("2025-09-05t10:00:00z", TEN),
        ("2025-09-05 10:00:00", TEN),
        ("2025-09-05T12:00:00+02:00", TEN),
        ("2025-09-05T10:00:00-00:00", TEN),
        ("2025-09-05T10:00:00.123456789Z", TEN.replace(microsecond=123456)),
        (1757066400000, TEN),
        (1757066400000.25, TEN.replace(microsecond=250)),
        (1757066400000.1239, TEN.replace(microsecond=123)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_both_forms_become_microseconds_in_utc(sent, instant):
    found = parse_times([sent])
    assert found.dtype == pl.Datetime("us", "UTC")
    assert found.to_list() == [instant]


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "yesterday",
        "2025-09-05",
        "2025-09-05T10:00Z",
        "2025-09-05T24:00:00Z",
        "2025-02-30T10:00:00Z",
        "2025-09-05T10:00:00+0200",
        "2025-09-05T10:00:00+24:00",
        "2025-09-05T10:00:00Z ",
        "2025-09-05T10:00:00Z\n",
        "٢٠٢٥-09-05T10:00:00Z",
        "1757066400000",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        10**18,
        10**30,
        -(10**17),
        1e300,
    ],
)
def test_what_names_no_instant_is_null(sent):
    assert parse_times([sent, None]).to_list() == [None, None]


def test_neighbours_do_not_matter():
    sent = ["2025-09-05T10:00:00Z", 5, None, "bad", "2025-09-05 10:00:00", 1e300, "2025-09-05T10:00:00.1+05:30"]
    together = parse_times(sent).to_list()
    assert together == [parse_times([one]).item() for one in sent]


def test_columns_are_parsed_together_as_apart():
    columns = {"a": ["2025-09-05T10:00:00Z", None, "bad"], "b": [1, 2.5, None], "c": [None] * 3, "d": ["x", 1, "y"]}
    together = parse_columns(columns)
    assert list(together) == list(columns)
    for name, values in columns.items():
        assert together[name].dtype == pl.Datetime("us", "UTC")
        assert together[name].to_list() == parse_times(values).to_list()


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from("Tt "),
)
def test_every_rfc_3339_time_is_read(instant, offset, separator):
    local = instant.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset)))
    assert parse_times([local.isoformat(separator)]).item() == local
