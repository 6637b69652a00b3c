"""An excerpt of a chain: the objects that hold the records of an offset range, or of a time range.

Offsets are told by keys and metadata alone. Times are those at which the pipeline read the records
(`_ingested_at`): they ascend along a chain, but for the clocks of several writers and the batches of those who lost
a slot. So the ends of a time range are searched for by halving, as if they ascended, an hour too far out; what
lies around them is read and judged row by row, and what lies an hour inside is known to belong.
"""

from __future__ import annotations

from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from ingest.errors import ChainError, InputError, SettingsError
from ingest.layout import Slot, slot_of
from ingest.objects import ChainId, ObjectMetadata
from ingest.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ingest.chain import Entry, Store

#: By how much times may be out of order along a chain.
MARGIN: Final = timedelta(hours=1)
_ASKERS: Final = 8


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which records: from offset `start` and before `stop`, read from `since` and before `until`. None: no bound."""

    start: int | None = None
    stop: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        empty = (self.start is not None and self.stop is not None and self.start >= self.stop) or (
            self.since is not None and self.until is not None and self.since >= self.until
        )
        if empty:
            raise SettingsError(
                "the range is empty: it ends where it begins or before", "Give the earlier end first."
            )

    @property
    def by_offset(self) -> bool:
        """Whether offsets are bounded."""
        return self.start is not None or self.stop is not None

    def among(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Those of the rows that are meant."""
        wanted = pl.lit(value=True)
        for name, first, end in (("_offset", self.start, self.stop), ("_ingested_at", self.since, self.until)):
            if first is not None:
                wanted &= pl.col(name) >= first
            if end is not None:
                wanted &= pl.col(name) < end
        return rows.filter(wanted)


class Part(NamedTuple):
    """An object of an excerpt. `records` of it are within the bounds; `size` is in bytes."""

    key: str
    slot: Slot
    size: int
    said: ObjectMetadata
    records: int


def chains_in(store: Store, topic: str) -> dict[ChainId, list[Entry]]:
    """The objects of every chain of a topic, in the order of their slots."""
    found: dict[ChainId, list[Entry]] = {}
    for entry in store.list(f"{topic}/"):
        if slot := slot_of(entry.key):
            found.setdefault(slot.chain, []).append(entry)
    return found


def choose(
    found: Mapping[ChainId, Sequence[Entry]], topic_id: str | None, partitions: Collection[int], bounds: Bounds
) -> dict[ChainId, Sequence[Entry]]:
    """The chains that are meant; no partitions stand for all. Raises `SettingsError` if none is, or too many are."""
    chosen = {
        chain: entries
        for chain, entries in found.items()
        if topic_id in (None, chain.topic_id) and (not partitions or chain.partition in partitions)
    }
    there = ", ".join(sorted(map(str, chosen or found))) or "none"
    if not chosen:
        raise SettingsError(
            f"no such chain; of this topic there are: {there}", "Mend --topic, --partition or --store."
        )
    if bounds.by_offset and len(chosen) > 1:
        raise SettingsError(
            f"offsets are those of one chain, and there are several: {there}", "Name one: --partition, --topic-id."
        )
    return chosen


def excerpt(store: Store, entries: Sequence[Entry], bounds: Bounds) -> list[Part]:
    """The parts of one chain that hold records within the bounds, in the order of their slots.

    Raises `ChainError` if an object is missing between them or says that it belongs elsewhere, `InputError` if
    one that had to be read is damaged.
    """
    return _Search(store, entries, bounds).parts()


def end_of(store: Store, entries: Sequence[Entry]) -> str:
    """Where the chain of these objects, at least one, ends: for whoever asked for records that it has not."""
    search = _Search(store, entries, Bounds())
    said, (_, last) = search.last()
    return f"the chain ends at {said.range.next}, last read at {last:%Y-%m-%d %H:%M:%S} UTC: {said.chain}"


class _Search:
    """One chain's objects, read at most once each, and only where their rows must be known."""

    def __init__(self, store: Store, entries: Sequence[Entry], bounds: Bounds) -> None:
        self._store, self._bounds = store, bounds
        self._entries = [entry for entry in entries if slot_of(entry.key)]
        self._times = cache(self._read_times)

    def parts(self) -> list[Part]:
        first, end = self._between_offsets() if self._bounds.by_offset else self._between_times()
        inside, chosen = self._inside_times(), self._entries[first:end]
        with ThreadPoolExecutor(_ASKERS, "excerpt") as askers:
            said = list(askers.map(self._said, chosen))
            _check_contiguous(said)
            whole = [index in inside and self._holds(one) for index, one in enumerate(said, first)]
            counts = list(askers.map(self._count, chosen, said, whole))
        return [
            Part(entry.key, Slot(one.chain, one.range.start), entry.size, one, count)
            for entry, one, count in zip(chosen, said, counts, strict=True)
            if count
        ]

    def last(self) -> tuple[ObjectMetadata, tuple[datetime, datetime]]:
        """What the last object says of itself, and its times."""
        return self._said(self._entries[-1]), self._times(len(self._entries) - 1)

    def _between_offsets(self) -> tuple[int, int]:
        starts = [slot.start for entry in self._entries if (slot := slot_of(entry.key))]
        first, end = self._bounds.start or 0, self._bounds.stop
        before = bisect_left(starts, first + 1) - 1  # the last object that starts at or before it
        return max(before, 0), len(starts) if end is None else bisect_left(starts, end)

    def _between_times(self) -> tuple[int, int]:
        since, until = self._bounds.since, self._bounds.until
        first = 0 if since is None else self._first(lambda times: times[1] >= since - MARGIN)
        end = len(self._entries) if until is None else self._first(lambda times: times[0] >= until + MARGIN)
        return first, max(first, end)

    def _inside_times(self) -> range:
        """The objects that lie wholly within the bounds of time, without a look at each."""
        since, until = self._bounds.since, self._bounds.until
        first = 0 if since is None else self._first(lambda times: times[0] >= since + MARGIN)
        end = len(self._entries) if until is None else self._first(lambda times: times[1] >= until - MARGIN)
        return range(first, max(first, end))

    def _first(self, holds: Callable[[tuple[datetime, datetime]], bool]) -> int:
        """The first object for whose times it holds, if it holds for all behind it."""
        return bisect_left(range(len(self._entries)), 1, key=lambda index: int(holds(self._times(index))))

    def _said(self, entry: Entry) -> ObjectMetadata:
        said = ObjectMetadata.from_text(entry.key, self._store.metadata(entry.key) or {})
        if slot_of(entry.key) != (said.chain, said.range.start):
            raise ChainError(
                f"{entry.key} says of itself that it is {said.chain} {said.range}",
                "An object was moved or copied by hand: put it back where its metadata says.",
            )
        return said

    def _holds(self, said: ObjectMetadata) -> bool:
        """Whether the bounds of offsets hold the whole object."""
        start, stop = self._bounds.start or 0, self._bounds.stop
        return start <= said.range.start and (stop is None or said.range.next <= stop)

    def _count(self, entry: Entry, said: ObjectMetadata, whole: bool) -> int:
        """How many records of the object are within the bounds."""
        return said.records if whole else self._bounds.among(self._rows(entry.key)).height

    def _read_times(self, index: int) -> tuple[datetime, datetime]:
        times = self._rows(self._entries[index].key)["_ingested_at"]
        first, last = times.min(), times.max()
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            raise InputError(f"{self._entries[index].key} has no rows")
        return first, last

    def _rows(self, key: str) -> pl.DataFrame:
        try:
            return read_rows(self._store.read(key))
        except InputError as error:
            raise InputError(f"{key}: {error}", "Bring it back from a backup or another region.") from error


def _check_contiguous(said: Sequence[ObjectMetadata]) -> None:
    for one, following in pairwise(said):
        if one.range.next != following.range.start:
            raise ChainError(
                f"{one.chain}: the object at {one.range.start} ends at {one.range.next}, and the next one starts at "
                f"{following.range.start}",
                "An object is missing: run `ingest verify`, and look for a lifecycle rule or a job that deletes.",
            )
