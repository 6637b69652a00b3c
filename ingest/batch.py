"""Rows that wait for their object: pure, and without a clock of its own.

A `Batch` is rows and the offset range that they stand for, as one value. A `Buffer` gathers one
partition's records from its position on, is asked whether a batch is due, and gives it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import polars as pl

from ingest.records import OffsetRange, Records

#: Records become rows when so many of them, or bytes, wait: many for what a call into Polars costs, few in memory.
CHUNK_ROWS = 10_000
CHUNK_BYTES = 16 * 1024 * 1024
_RECORD_BYTES = 200  # what a record costs beside its value, as it came or as a row


class Gathered(Protocol):
    """Records of one partition as they come, and their rows when these are asked for."""

    def add(self, records: Records) -> None:
        """Take in records that follow those already here."""

    def take(self) -> pl.DataFrame:
        """A row for each record since the last time, as `ingest.decode.Decoder` makes them."""


class Due(StrEnum):
    """Why a batch is due. Each is counted."""

    ROWS = "rows"
    BYTES = "bytes"
    AGE = "age"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is due.

    At `rows` rows, at `nbytes` bytes of record values, or `age` seconds after its first record came in.
    """

    rows: int
    nbytes: int
    age: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of `ingest.events.SCHEMA` in offset order, and the range of offsets that they account for.

    Every record that the broker still had in `range` is a row. `lost` are the stretches of `range` that the
    broker had deleted before they were read; one from 0 on was gone before the chain began. There is at least one
    row.
    """

    range: OffsetRange
    rows: pl.DataFrame
    lost: tuple[OffsetRange, ...] = ()

    def after(self, offset: int) -> Batch | None:
        """What is left when everything before `offset` is covered by somebody else's object."""
        rows = self.rows.filter(pl.col("_offset") >= offset)
        if rows.is_empty():
            return None
        return Batch(OffsetRange(offset, self.range.next), rows, _from(offset, self.lost))


class Buffer:
    """One partition's records from `position` on: in `gathered` at first, then as rows.

    `now` is a count of seconds that only ever grows, from whatever start.
    """

    def __init__(self, position: int, limits: Limits, gathered: Gathered) -> None:
        self.position = position  #: the slot of the next batch
        self._limits = limits
        self._gathered, self._gathered_rows, self._gathered_bytes = gathered, 0, 0
        self._frames: list[pl.DataFrame] = []
        self._framed_rows = self._framed_bytes = 0
        self._next = position  # after the last record
        self._opened_at: float | None = None
        self._floor = position
        self._lost: tuple[OffsetRange, ...] = ()

    def __len__(self) -> int:
        return self._framed_rows + self._gathered_rows

    @property
    def nbytes(self) -> int:
        """Bytes of record values held, as rows or not yet."""
        return self._framed_bytes + self._gathered_bytes

    @property
    def reading_from(self) -> int:
        """The offset after the last record taken in, or after what the broker turned out not to have."""
        return max(self._next, self._floor)

    @property
    def held(self) -> int:
        """Bytes of memory held, about: an empty record costs some too."""
        return self.nbytes + _RECORD_BYTES * len(self)

    def add(self, records: Records, now: float) -> None:
        """Take in records that follow those already here; what lies before the position is dropped."""
        records = records.from_offset(self.position)
        if not len(records):
            return
        if self._opened_at is None:
            self._opened_at = now
        self._next = records.offsets[-1] + 1
        while len(records):
            room = self._limits.rows - len(self) % self._limits.rows
            self._gather(records.head(room))
            records = records.behind(room)

    def lose(self, lost: OffsetRange) -> None:
        """Note that the broker no longer has these offsets; the batch whose range holds them says so."""
        self._lost += (lost,)
        self._floor = lost.next

    def drop_before(self, offset: int) -> None:
        """Forget everything before `offset`: another writer's objects hold it."""
        if offset <= self.position:
            return
        self._settle()
        self.position = offset
        self._next = max(self._next, offset)
        frames = [frame.filter(pl.col("_offset") >= offset) for frame in self._frames]
        self._frames = [frame for frame in frames if not frame.is_empty()]
        self._framed_rows = sum(frame.height for frame in self._frames)
        self._lost = _from(offset, self._lost)
        if not len(self):
            self._framed_bytes, self._opened_at = 0, None

    def due(self, now: float) -> Due | None:
        """Why a batch is due now, or None."""
        if not len(self):
            return None
        if len(self) >= self._limits.rows:
            return Due.ROWS
        if self.nbytes >= self._limits.nbytes:
            return Due.BYTES
        if self._opened_at is not None and now - self._opened_at >= self._limits.age:
            return Due.AGE
        return None

    def take(self, now: float) -> Batch:
        """Give up the next batch, of at most the limit of rows; the position moves behind it.

        Call it only with something in the buffer.
        """
        if self._framed_rows < self._limits.rows:
            self._settle()
        rows = self._frames[0] if len(self._frames) == 1 else pl.concat(self._frames)
        batch_rows, rest = rows.head(self._limits.rows), rows.slice(self._limits.rows)
        end = batch_rows["_offset"][-1] + 1
        lost = tuple(one for one in self._lost if one.start < end)
        batch = Batch(OffsetRange(self.position, end), batch_rows, lost)
        self._keep(rest, rows.height, now)
        self.position, self._lost = end, self._lost[len(lost) :]
        return batch

    def _gather(self, records: Records) -> None:
        """Take in records of one batch. No frame holds rows of two: what waits would keep the memory of what went."""
        self._gathered.add(records)
        self._gathered_rows += len(records)
        self._gathered_bytes += records.nbytes
        full = len(self) % self._limits.rows == 0
        if full or self._gathered_rows >= CHUNK_ROWS or self._gathered_bytes >= CHUNK_BYTES:
            self._settle()

    def _settle(self) -> None:
        if not self._gathered_rows:
            return
        self._frames.append(self._gathered.take())
        self._framed_rows += self._gathered_rows
        self._framed_bytes += self._gathered_bytes
        self._gathered_rows = self._gathered_bytes = 0

    def _keep(self, rest: pl.DataFrame, rows: int, now: float) -> None:
        self._frames = [] if rest.is_empty() else [rest]
        self._framed_bytes = self._framed_bytes * rest.height // rows
        self._framed_rows = rest.height
        self._opened_at = now if len(self) else None


def _from(offset: int, ranges: tuple[OffsetRange, ...]) -> tuple[OffsetRange, ...]:
    """What of the ranges lies at or after `offset`."""
    return tuple(OffsetRange(max(one.start, offset), one.next) for one in ranges if one.next > offset)
