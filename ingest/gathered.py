"""What has been read of a partition and is not yet rows: kept as it came, or read at once by the compiled reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import polars as pl

from ingest.decode import Decoder, sound_rows
from ingest.records import Records


class Reading(Protocol):
    """Reads the usual records: see `ingest.reader`."""

    def add(self, values: Sequence[bytes | None], max_bytes: int) -> list[int]:
        """Read on: a row for each value, of nulls for those whose places are answered."""

    def take(self) -> pl.DataFrame:
        """The event columns of `SCHEMA` for all rows since the last time."""


class Kept:
    """Records as they came, which are read when their rows are asked for."""

    def __init__(self, decoder: Decoder, now: Callable[[], datetime]) -> None:
        self._decoder, self._now = decoder, now
        self._records = Records()

    def add(self, records: Records) -> None:
        """See `ingest.batch.Gathered.add`."""
        self._records.extend(records)

    def take(self) -> pl.DataFrame:
        """See `ingest.batch.Gathered.take`."""
        records, self._records = self._records, Records()
        return self._decoder(records, self._now())


class ReadAtOnce:
    """Records of which the usual ones are read as they come, while they are in the processor's cache.

    Only the others are kept as they are. The rows are those of `Kept`.
    """

    def __init__(self, decoder: Decoder, now: Callable[[], datetime], reading: Reading) -> None:
        self._decoder, self._now, self._reading = decoder, now, reading
        self._offsets: list[int] = []
        self._timestamps: list[int | None] = []
        self._left = Records()
        self._places: list[int] = []  # of those left, among all

    def add(self, records: Records) -> None:
        """See `ingest.batch.Gathered.add`."""
        left = self._reading.add(records.values, self._decoder.max_record_bytes)
        if left:
            self._left.extend(records.rows(left))
            self._places += [len(self._offsets) + row for row in left]
        self._offsets += records.offsets
        self._timestamps += records.timestamps

    def take(self) -> pl.DataFrame:
        """See `ingest.batch.Gathered.take`."""
        offsets, timestamps, at = self._offsets, self._timestamps, self._now()
        left, places = self._left, self._places
        self._offsets, self._timestamps, self._left, self._places = [], [], Records(), []
        columns = self._reading.take().to_dict() | self._decoder.places(offsets, timestamps, at)
        rows = sound_rows(columns, len(offsets))
        return _with(self._decoder(left, at), places, rows) if len(left) else rows


def _with(left: pl.DataFrame, places: list[int], rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with those that the reader has left, which are nulls there, at their places."""
    if not left["_error"].null_count():  # all of them are quarantined: their events stay null
        order = pl.Series([None], dtype=pl.UInt32).new_from_index(0, rows.height).scatter(places, range(left.height))
        return rows.with_columns(left.select(pl.col("_error", "_raw").gather(order)))
    order = pl.int_range(rows.height, eager=True).scatter(places, range(rows.height, rows.height + left.height))
    return pl.concat([rows, left], rechunk=True)[order]  # in one piece it is gathered faster
