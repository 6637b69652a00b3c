"""The vocabulary: one word for one thing. Imports nothing of ours and no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Partition(NamedTuple):
    """One Kafka partition as the client names it: a topic's name and a number from 0."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """A half-open range [start, next) of one partition's offsets."""

    start: int
    next: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.next:
            raise ValueError(f"not an offset range: [{self.start}, {self.next})")

    def __len__(self) -> int:
        return self.next - self.start

    def __bool__(self) -> bool:
        return self.start < self.next

    def __str__(self) -> str:
        return f"[{self.start}, {self.next})"

    @classmethod
    def parse(cls, text: str) -> OffsetRange:
        """Read back what `compact` wrote. Raises ValueError for anything else."""
        start, _, stop = text.partition("-")
        return cls(int(start), int(stop))

    def compact(self) -> str:
        """`start-next`, the form that stands in an object's metadata."""
        return f"{self.start}-{self.next}"


@dataclass(slots=True)
class Records:
    """Kafka records of one partition in offset order, as columns of equal length.

    `offsets` ascend but need not be contiguous (compaction, transactions). `timestamps` are the
    broker's, in epoch milliseconds, None where there is none. `values` are the bytes as produced:
    None is a tombstone, `b""` an empty value; both are records like any other.
    """

    offsets: list[int] = field(default_factory=list)
    timestamps: list[int | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    nbytes: int = 0

    def __len__(self) -> int:
        return len(self.offsets)

    @classmethod
    def of(cls, offsets: list[int], timestamps: list[int | None], values: list[bytes | None]) -> Records:
        """The records of these columns, which are taken over and not copied."""
        return cls(offsets, timestamps, values, _bytes_of(values))

    def append(self, offset: int, timestamp: int | None, value: bytes | None) -> None:
        """Add one record behind the others."""
        self.offsets.append(offset)
        self.timestamps.append(timestamp)
        self.values.append(value)
        if value is not None:
            self.nbytes += len(value)

    def extend(self, other: Records) -> None:
        """Add another run of records behind these."""
        self.offsets += other.offsets
        self.timestamps += other.timestamps
        self.values += other.values
        self.nbytes += other.nbytes

    def from_offset(self, offset: int) -> Records:
        """The records at or after `offset`, as new columns."""
        cut = _first_at(self.offsets, offset)
        if cut == 0:
            return self
        return _slice(self, cut, len(self))

    def rows(self, rows: Sequence[int]) -> Records:
        """The records at these places, as new columns."""
        values = [self.values[row] for row in rows]
        return Records.of([self.offsets[row] for row in rows], [self.timestamps[row] for row in rows], values)

    def head(self, count: int) -> Records:
        """The first `count` records, as new columns."""
        return self if count >= len(self) else _slice(self, 0, count)

    def behind(self, count: int) -> Records:
        """All but the first `count` records, as new columns."""
        return _slice(self, count, len(self))


def _first_at(offsets: Sequence[int], offset: int) -> int:
    if not offsets or offsets[0] >= offset:
        return 0
    for index, value in enumerate(offsets):
        if value >= offset:
            return index
    return len(offsets)


def _slice(records: Records, start: int, stop: int) -> Records:
    values = records.values[start:stop]
    return Records(
        records.offsets[start:stop],
        records.timestamps[start:stop],
        values,
        _bytes_of(values),
    )


def _bytes_of(values: Sequence[bytes | None]) -> int:
    return sum(len(value) for value in values if value is not None)
