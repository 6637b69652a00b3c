"""The two forms of time that producers send, read in columns.

RFC 3339 text (`T`, `t` or a space between date and time; up to nine fractional digits; no offset means UTC)
or epoch milliseconds as a number. Both become microseconds in UTC; finer digits are cut off. Whatever names
no instant in the years 1 to 9999 is malformed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, cast

import polars as pl

_FORM: Final = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})?$"
_OFFSET: Final = r"[Zz]$|[+-]\d{2}:\d{2}$"
_FIRST: Final = -62_135_596_800_000_000  # 0001-01-01 in microseconds of the epoch
_LAST: Final = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999
_MOST: Final = 10**15  #: milliseconds, far beyond the year 9999
_UTC: Final = pl.Datetime("us", "UTC")

Times = Sequence[str | int | float | None]


def parse_times(columns: Mapping[str, Times]) -> dict[str, pl.Series]:
    """Columns of times as sent → Datetime(µs, UTC), of the same lengths; null where there is none or it is malformed.

    All columns are as long as one another: Polars is called for all of them at once.
    """
    found = {name: _nothing(name, len(values)) for name, values in columns.items()}
    series: dict[str, pl.Series] = {}
    wanted: list[pl.Expr] = []
    for name, values in columns.items():
        kinds = set(map(type, values)) - {type(None)}
        if str in kinds:
            texts = values if kinds == {str} else [value if type(value) is str else None for value in values]
            series[f"text {name}"] = pl.Series(texts, dtype=pl.String)
        if kinds - {str}:
            series[f"number {name}"] = _microseconds([None if isinstance(each, str) else each for each in values])
        if kinds:
            wanted.append(_instant(name, series).alias(name))
    if wanted:
        found |= {column.name: column for column in pl.DataFrame(series).select(wanted)}
    return {
        name: _in_range(_without_offsets(instants, series.get(f"text {name}"), columns[name].count(None)))
        for name, instants in found.items()
    }


def broker_times(millis: Sequence[int | None]) -> pl.Series:
    """Epoch milliseconds of 64 bits → Datetime(µs, UTC); null where there is none or it names no instant."""
    series = pl.Series("", millis, dtype=pl.Int64)
    least, most = cast("int | None", series.min()), cast("int | None", series.max())
    if least is not None and most is not None and (least < -_MOST or most > _MOST):
        series = series.set(~series.is_between(-_MOST, _MOST), None)
    return _in_range(series * 1000)


def _nothing(name: str, count: int) -> pl.Series:
    return pl.Series(name, [None], dtype=pl.Int64).new_from_index(0, count)


def _instant(name: str, series: Mapping[str, pl.Series]) -> pl.Expr:
    """Microseconds of the epoch as Int64, of the texts and numbers of one column."""
    ways = []
    if f"text {name}" in series:
        ways.append(_of_text(pl.col(f"text {name}")))
    if f"number {name}" in series:
        ways.append(pl.col(f"number {name}"))
    return pl.coalesce(ways) if len(ways) > 1 else ways[0]


def _of_text(text: pl.Expr) -> pl.Expr:
    """RFC 3339 with an offset → microseconds of the epoch, null where the text is not of that form."""
    instant = text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False).cast(pl.Int64)
    return pl.when(text.str.contains(_FORM)).then(instant)


def _without_offsets(instants: pl.Series, texts: pl.Series | None, absent: int) -> pl.Series:
    """The instants, with those of texts that are of the form but for an offset: UTC. `absent` are none at all."""
    if texts is None or instants.null_count() == absent:
        return instants
    rows = (instants.is_null() & texts.is_not_null()).arg_true()
    meant = pl.when(~pl.col("text").str.contains(_OFFSET)).then(pl.col("text") + "Z")
    found = pl.DataFrame({"text": texts.gather(rows)}).select(meant).select(_of_text(pl.col("text")))
    return instants.scatter(rows, found.to_series())


def _in_range(instants: pl.Series) -> pl.Series:
    """As times; null for those outside of the years that can be written."""
    least, most = cast("int | None", instants.min()), cast("int | None", instants.max())
    if least is not None and most is not None and (least < _FIRST or most > _LAST):
        within = pl.col(instants.name).is_between(_FIRST, _LAST)
        instants = instants.to_frame().select(pl.when(within).then(pl.col(instants.name))).to_series()
    return instants.cast(_UTC)


def _microseconds(millis: Sequence[int | float | None]) -> pl.Series:
    """Epoch milliseconds → microseconds as Int64; null for what an Int64 can't hold."""
    if float not in set(map(type, millis)) and _fits(millis):
        return pl.Series(millis, dtype=pl.Int64) * 1000
    return pl.Series([_of_millis(value) for value in millis], dtype=pl.Int64)


def _fits(millis: Sequence[int | float | None]) -> bool:
    there = [value for value in millis if value is not None]
    return not there or (max(there) <= _MOST and min(there) >= -_MOST)


def _of_millis(value: int | float | None) -> int | None:
    if value is None or abs(value) > _MOST:
        return None
    return value * 1000 if isinstance(value, int) else math.floor(value * 1000)
