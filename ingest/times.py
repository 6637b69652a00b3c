"""The two forms of time that producers send, read in columns.

RFC 3339 text (`T`, `t` or a space between date and time; up to nine fractional digits; no offset means UTC)
or epoch milliseconds as a number. Both become microseconds in UTC; finer digits are cut off. Whatever names
no instant in the years 1 to 9999 is malformed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import polars as pl

_FORM: Final = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})?$"
_HAS_OFFSET: Final = r"[Zz]$|[+-]\d{2}:\d{2}$"
_FIRST: Final = -62_135_596_800_000_000  # 0001-01-01 in microseconds of the epoch
_LAST: Final = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999
_MOST: Final = 10**15  #: milliseconds, far beyond the year 9999
_UTC: Final = pl.Datetime("us", "UTC")


def parse_times(values: Sequence[str | int | float | None]) -> pl.Series:
    """Times as sent → Datetime(µs, UTC), of the same length; null where there is none or it is malformed."""
    kinds = set(map(type, values))
    if kinds <= {type(None)}:
        return pl.repeat(None, len(values), dtype=_UTC, eager=True)
    if kinds <= {str, type(None)}:
        return _in_range(_from_text(pl.Series(values, dtype=pl.String)))
    texts = pl.Series([value if type(value) is str else None for value in values], dtype=pl.String)
    numbers = [None if isinstance(value, str) else value for value in values]
    return _in_range(_from_text(texts).fill_null(_from_numbers(numbers)))


def from_millis(values: Sequence[int | None]) -> pl.Series:
    """The broker's epoch milliseconds → Datetime(µs, UTC); null where there is none or it names no instant."""
    return _in_range(_from_numbers(values))


def _in_range(instants: pl.Series) -> pl.Series:
    within = instants.is_between(_FIRST, _LAST)
    return pl.select(pl.when(within).then(instants)).to_series().cast(_UTC)


def _from_text(texts: pl.Series) -> pl.Series:
    """RFC 3339 → microseconds of the epoch as Int64, null where the text is not of that form."""
    text = pl.col("text")
    whole = pl.when(text.str.contains(_HAS_OFFSET)).then(text).otherwise(text + "Z")
    instant = whole.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False).cast(pl.Int64)
    frame = pl.DataFrame({"text": texts}).select(pl.when(text.str.contains(_FORM)).then(instant))
    return frame.to_series()


def _from_numbers(values: Sequence[int | float | None]) -> pl.Series:
    """Epoch milliseconds → microseconds as Int64; null for what names no instant."""
    try:
        if float not in set(map(type, values)):
            return _to_microseconds(pl.Series(values, dtype=pl.Int64))
    except (OverflowError, TypeError):  # an integer of more than 64 bits
        pass
    return pl.Series([_from_millis(value) for value in values], dtype=pl.Int64)


def _to_microseconds(millis: pl.Series) -> pl.Series:
    within = millis.is_between(-_MOST, _MOST)
    return pl.select(pl.when(within).then(millis * 1000)).to_series()


def _from_millis(value: int | float | None) -> int | None:
    """Epoch milliseconds → microseconds; None for what an Int64 can't hold."""
    if value is None or abs(value) > _MOST:
        return None
    return value * 1000 if isinstance(value, int) else math.floor(value * 1000)
