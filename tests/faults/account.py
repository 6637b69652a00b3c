"""The account of every offset, by code that knows the format of the objects and nothing of `ingest`.

An object's rows are read from its Parquet bytes; nothing that it says about itself is believed unless the rows
bear it out. The chain of a partition is sound if its objects, in key order, cover [0, end) without a gap or an
overlap, and each offset that the broker had is a row of exactly one object, holding that offset's own record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final, NamedTuple

import polars as pl

from tests.faults.flood import strangers

_KEY: Final = re.compile(r"^([^/]+)/([^/]+)/partition=(\d{5})/(\d{20})\.parquet$")
_COLUMNS: Final = ["_topic_id", "_partition", "_offset", "event_id", "_error", "_raw"]


class Stored(NamedTuple):
    """One object as the store gives it: its key below the prefix, its bytes, and its metadata (None: no such)."""

    key: str
    body: bytes
    metadata: Mapping[str, str] | None


class Incarnation(NamedTuple):
    """What one incarnation of the topic had.

    `ends`: how many records each partition got. `deleted`: the offset that retention deleted up to, where it
    did. `whole`: False if the topic was deleted before all of it was read; then a chain may end early.
    """

    label: str
    ends: Mapping[int, int]
    deleted: Mapping[int, int] = {}
    whole: bool = True


@dataclass
class Account:
    """What was found. `faults` are sentences; the account is good if there are none."""

    records: int = 0  #: that the broker had
    objects: int = 0
    rows: int = 0
    lost: int = 0  #: offsets that the broker had and no row holds
    doubled: int = 0  #: rows of an offset beyond its first
    altered: int = 0  #: rows that hold something else than their offset's record
    recorded: int = 0  #: offsets deleted by retention before they were read, and named so by the next object
    faults: list[str] = field(default_factory=list)

    def add(self, other: Account) -> None:
        for name, found in vars(other).items():
            setattr(self, name, getattr(self, name) + found)


def account(objects: Iterable[Stored], topic: str, incarnations: Mapping[str, Incarnation]) -> Account:
    """Hold all objects below the prefix against what the broker had, by topic id."""
    total, chains = Account(), {}
    for one in sorted(objects):
        found = _KEY.match(one.key)
        if found and found[1] == topic and found[2] in incarnations:
            chains.setdefault((found[2], int(found[3])), []).append(one)
        elif not one.key.startswith("_"):
            total.faults.append(f"{one.key} belongs to no chain")
    for topic_id, incarnation in incarnations.items():
        for partition in incarnation.ends:
            total.add(_Chain(topic_id, partition, incarnation).read(chains.pop((topic_id, partition), [])))
    total.faults += [f"a chain of no partition: {topic_id} {number}" for topic_id, number in chains]
    return total


class _Chain:
    def __init__(self, topic_id: str, partition: int, incarnation: Incarnation) -> None:
        self._id, self._partition, self._incarnation = topic_id, partition, incarnation
        self._end = incarnation.ends[partition]
        self._position = 0
        self._offsets: list[pl.Series] = []
        self._named: list[tuple[int, int]] = []  # ranges that objects say were deleted before they were read
        self._found = Account()

    def read(self, objects: list[Stored]) -> Account:
        for one in objects:
            self._object(one)
        end = self._end if self._incarnation.whole else self._position
        if self._position != end:
            self._fault(f"ends at {self._position}, the broker at {self._end}")
        self._count(end)
        return self._found

    def _object(self, one: Stored) -> None:
        said = {name.lower(): text for name, text in pl.read_parquet_metadata(BytesIO(one.body)).items()}
        rows = pl.read_parquet(BytesIO(one.body), columns=_COLUMNS)
        start, stop = int(said["start"]), int(said["next"])
        wanted = {"topic-id": self._id, "partition": str(self._partition), "start": str(int(one.key[-28:-8]))}
        if any(said[name] != text for name, text in wanted.items()):
            self._fault(f"{one.key} says of itself that it is {said}")
        if one.metadata is not None and any(one.metadata.get(name) != said[name] for name in [*wanted, "next"]):
            self._fault(f"{one.key}: the store's metadata is {one.metadata}, the footer's {said}")
        if start != self._position:
            self._fault(f"{'gap' if start > self._position else 'overlap'}: {start} follows {self._position}")
        offsets = rows["_offset"]
        if not rows.height or not (offsets.is_sorted() and start <= offsets[0] and offsets[-1] == stop - 1):
            self._fault(f"{one.key} has not the rows of [{start}, {stop})")
        self._position = stop
        self._offsets.append(offsets)
        if "lost" in said:
            self._name(said["lost"])
        self._found.objects += 1
        self._found.rows += rows.height
        self._found.altered += strangers(rows, self._incarnation.label, self._id, self._partition)

    def _name(self, ranges: str) -> None:
        """Ranges that an object says were deleted before they were read: only those that were are taken."""
        for text in ranges.split(","):
            start, stop = map(int, text.split("-"))
            if not 0 <= start < stop <= self._incarnation.deleted.get(self._partition, 0):
                self._fault(f"[{start}, {stop}) is said to be lost, but the broker had it")
            self._named.append((start, stop))

    def _count(self, end: int) -> None:
        """Each offset in [0, end): in how many rows, and if in none, whether retention took it on record."""
        offsets = pl.concat(self._offsets) if self._offsets else pl.Series("_offset", [], pl.Int64)
        distinct = offsets.unique()
        found = self._found
        found.records += end
        found.doubled += offsets.len() - distinct.len()
        if outside := distinct.filter((distinct < 0) | (distinct >= end)).len():
            self._fault(f"{outside} rows have offsets that the broker never had")
        absent = set(range(end)) - set(distinct) if distinct.len() < end else set()
        excused = {offset for offset in absent if self._excused(offset, int(distinct.min() or 0))}
        found.recorded += len(excused)
        found.lost += len(absent - excused)
        if absent - excused:
            self._fault(f"offsets {sorted(absent - excused)[:5]}… are in no object")
        if found.doubled:
            self._fault(f"{found.doubled} rows are doubled")
        if found.altered:
            self._fault(f"{found.altered} rows are not their offset's record")

    def _excused(self, offset: int, first: int) -> bool:
        """Deleted by retention, and on record so; before a chain's first row there was no pipeline to record it."""
        deleted = offset < self._incarnation.deleted.get(self._partition, 0)
        return deleted and (offset < first or any(start <= offset < stop for start, stop in self._named))

    def _fault(self, text: str) -> None:
        self._found.faults.append(f"[{self._partition}] of {self._id}: {text}")
