"""Walking one chain from slot 0 on: whether each object begins where the one before ends, and it adds up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ingest.discrepancies import Discrepancy, Kind
from ingest.records import OffsetRange

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from ingest.inventory import Stored
    from ingest.objects import ChainId, ObjectMetadata


class Hole(NamedTuple):
    """Offsets that no object of the chain covers; `slot` is where an object began that is known to have been here."""

    offsets: OffsetRange
    slot: int | None


class Gap(NamedTuple):
    """Neighbouring offsets that no object covers, in parts, and the object that lies behind them."""

    offsets: OffsetRange
    parts: list[Hole]
    follower: Stored


@dataclass(slots=True)
class Walk:
    """What a chain covers.

    `next` is the slot that comes next, `gaps` are what lies uncovered before it. `began` is the first offset of the
    first object, if that begins at slot 0: what lies before was gone before the pipeline began. `holes` are offsets
    in objects' ranges that the broker had no record for (markers of transactions, compaction), `lost` those that it
    had deleted before they were read, as the objects put on record. `open_end`: the last object can't be read, so
    that nobody knows where it ends.
    """

    objects: int = 0
    records: int = 0
    quarantined: int = 0
    holes: int = 0
    lost: list[OffsetRange] = field(default_factory=list)
    began: int | None = None
    next: int = 0
    open_end: bool = False
    gaps: list[Gap] = field(default_factory=list)
    overlapping: set[str] = field(default_factory=set)  #: keys of objects that begin before the one before ends
    discrepancies: list[Discrepancy] = field(default_factory=list)


def walk(chain: ChainId, objects: Sequence[Stored], absent: Collection[int]) -> Walk:
    """Walk the objects of a chain, in the order of their slots.

    `absent` are the slots of objects that were in the chain and are not in their place now. An object whose
    metadata can't be read stands for all offsets up to the next one; one that belongs elsewhere for none.
    """
    found = Walk()
    for one in objects:
        if one.said is None:
            _pass_damaged(found, one, absent)
        elif one.in_place:
            _pass(found, chain, one, one.said, absent)
    return found


def _pass_damaged(found: Walk, one: Stored, absent: Collection[int]) -> None:
    if one.slot is None:
        return
    found.objects += 1
    _reach(found, one.slot.start, one, absent)
    found.next, found.open_end = max(found.next, one.slot.start), True


def _pass(found: Walk, chain: ChainId, one: Stored, said: ObjectMetadata, absent: Collection[int]) -> None:
    start, stop = said.range.start, said.range.next
    _reach(found, start, one, absent)
    if start < found.next:
        found.overlapping.add(one.key)
        shared = OffsetRange(start, max(start, min(found.next, stop)))
        what = "it begins before the object in front of it ends"
        found.discrepancies.append(Discrepancy(Kind.OVERLAP, what, chain, shared, one.key))
    if fault := _contradiction(said):
        found.discrepancies.append(Discrepancy(Kind.COUNT_WRONG, fault, chain, said.range, one.key))
    else:
        _count(found, said)
    found.objects += 1
    found.next, found.open_end = max(found.next, stop), False


def _reach(found: Walk, start: int, one: Stored, absent: Collection[int]) -> None:
    """Note what lies uncovered before the object that begins at `start`."""
    if start > found.next and not found.open_end:
        gap = OffsetRange(found.next, start)
        found.gaps.append(Gap(gap, [*_parts(gap, absent)], one))


def _parts(gap: OffsetRange, absent: Collection[int]) -> Iterator[Hole]:
    """The gap in parts: what the objects covered that were there, and what nobody knows of."""
    slots = sorted(slot for slot in absent if gap.start <= slot < gap.next)
    if not slots or slots[0] > gap.start:
        yield Hole(OffsetRange(gap.start, slots[0] if slots else gap.next), None)
    for slot, stop in zip(slots, [*slots[1:], gap.next], strict=False):
        yield Hole(OffsetRange(slot, stop), slot)


def _contradiction(said: ObjectMetadata) -> str | None:
    """What in an object's metadata can't be true, whatever its rows are."""
    room = len(said.range) - sum(map(len, said.lost))
    if not 1 <= said.records <= room:
        return f"its metadata counts {said.records} records, and its range has room for {room}"
    if not 0 <= said.quarantined <= said.records:
        return f"its metadata counts {said.quarantined} quarantined records of {said.records}"
    if not said.range.start <= said.first_offset <= said.range.next - said.records:
        return f"its metadata says that {said.records} records begin at offset {said.first_offset}"
    if any(one.start < said.range.start or one.next > said.range.next for one in said.lost):
        return "its metadata counts offsets as lost that are not in its range"
    return None


def _count(found: Walk, said: ObjectMetadata) -> None:
    found.records += said.records
    found.quarantined += said.quarantined
    found.lost += said.lost
    holes = len(said.range) - said.records - sum(map(len, said.lost))
    if said.range.start == 0:
        found.began = said.first_offset
        holes -= said.first_offset - sum(len(one) for one in said.lost if one.next <= said.first_offset)
    found.holes += holes
