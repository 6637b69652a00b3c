"""Holding the evidence against itself: from what was seen of broker, warehouse and store to discrepancies. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ingest import layout
from ingest.discrepancies import Discrepancy, Kind
from ingest.evidence import by_slot, committed_of, items_of
from ingest.reckoning import Item, doubled, reckon
from ingest.records import OffsetRange
from ingest.retention_evidence import Expiry
from ingest.walk import Gap, Hole, Walk, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ingest.evidence import Evidence
    from ingest.inventory import Stored
    from ingest.marks import End, Mark
    from ingest.objects import ChainId

#: An object that still waits so long after a later one of its chain was loaded has been passed over.
PASSED_OVER: Final = timedelta(minutes=1)


@dataclass(slots=True)
class Account:
    """One chain: what it covers, and how it stands with the broker and the warehouse where they were asked.

    `waiting` objects were not tried by a loader yet, `loaded` ones are in the warehouse, with so many `rows`.
    Retention took so many offsets, and so many objects and raw rows that the load history knows of. `wrong` counts
    its discrepancies.
    """

    chain: ChainId
    walk: Walk
    mark: Mark | None = None
    end: End | None = None
    waiting: int = 0
    loaded: int = 0
    rows: int = 0
    expired_offsets: int = 0
    expired_objects: int = 0
    expired_rows: int = 0
    wrong: int = 0


class Examination:
    """The evidence, ordered by key and by chain. `positions` are what the broker is asked about at last."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence, self._expiry = evidence, Expiry(evidence.horizon)
        self._marks = {mark.chain: mark for mark in evidence.marks or ()}
        self._items = items_of(evidence)
        self._by_slot = by_slot(self._items)
        self._moved = {one.said_key for one in evidence.inventory.objects if one.moved}
        stored = evidence.inventory.chains()
        self._committed = dict(committed_of(self._marks, stored))
        self._absent = self._slots_without_object()
        chains = stored.keys() | self._absent.keys() | self._marks.keys() | self._chains_with_rows()
        self._walks = {chain: walk(chain, stored.get(chain, ()), self._absent[chain]) for chain in chains}
        self._overlapping = {key for one in self._walks.values() for key in one.overlapping}
        self._expired = {chain: self._expired_parts(chain, one) for chain, one in self._walks.items()}
        self._expired_keys = {
            chain.key(part.slot) for chain, parts in self._expired.items() for part in parts if part.slot is not None
        }

    @property
    def positions(self) -> dict[ChainId, int]:
        """For each chain that the broker was asked about, the slot that comes next."""
        return {chain: self._position(mark) for chain, mark in self._marks.items()}

    def _position(self, mark: Mark) -> int:
        """Behind the last object; where retention took that one, where the group says that it ended."""
        one = self._walks[mark.chain]
        known = self._committed.get(mark.committed_key or "", 0) if self._lost_its_end(mark.chain, one) else 0
        return max(one.next, known)

    def accounts(self, ends: Mapping[ChainId, End]) -> list[Account]:
        """Each chain's account, in order; `wrong` is not counted yet. `ends` are the answers about `positions`."""
        found = {
            chain: Account(
                chain,
                self._walks[chain],
                self._marks.get(chain),
                ends.get(chain),
                expired_offsets=sum(len(part.offsets) for part in self._expired[chain]),
            )
            for chain in sorted(self._walks, key=astuple)
        }
        for item in self._items.values():
            if slot := layout.slot_of(item.key):
                account = found[slot.chain]
                account.waiting += self._waits(item)
                account.loaded += item.loaded
                account.rows += item.row_count
                account.expired_objects += item.size is None and self._expiry.of_object(item)
                account.expired_rows += self._rows_taken(item)
        return list(found.values())

    def discrepancies(self, ends: Mapping[ChainId, End]) -> Iterator[Discrepancy]:
        """All that is wrong, each thing where it began and not again where its traces are."""
        for chain, one in self._walks.items():
            yield from one.discrepancies
            yield from self._uncovered(chain, one)
            yield from self._gone_behind(chain, one)
            if ends:
                yield from self._against_broker(chain, one, ends.get(chain))
        for stored in self._evidence.inventory.objects:
            yield from self._out_of_order(stored)
        for item in self._items.values():
            yield from self._reckoned(item)
        yield from self._not_loaded()
        yield from self._doubled()

    # --- objects that are known, and not in their place -----------------------------------------------

    def _slots_without_object(self) -> defaultdict[ChainId, set[int]]:
        keys = {item.key for item in self._items.values() if item.line and item.size is None} | self._moved
        keys |= self._committed.keys()
        found: defaultdict[ChainId, set[int]] = defaultdict(set)
        for key in keys:
            slot = layout.slot_of(key)
            if slot and not self._is_stored(key):
                found[slot.chain].add(slot.start)
        return found

    def _uncovered(self, chain: ChainId, one: Walk) -> Iterator[Discrepancy]:
        """Gaps, and objects that were in them."""
        for gap in one.gaps:
            for hole in gap.parts:
                key = None if hole.slot is None else chain.key(hole.slot)
                if hole in self._expired[chain] or key in self._moved:
                    continue
                if key is None:
                    yield Discrepancy(Kind.GAP, self._uncovered_because(gap), chain, hole.offsets)
                else:
                    yield Discrepancy(Kind.OBJECT_MISSING, self._gone(key), chain, hole.offsets, key)

    def _uncovered_because(self, gap: Gap) -> str:
        what, stored_at = "no object covers these offsets", gap.follower.modified
        if gap.offsets.start or stored_at is None or self._evidence.horizon is None:
            return what
        return f"{what}, and nothing shows that retention took them: the first object is of {stored_at:%Y-%m-%d}"

    def _gone_behind(self, chain: ChainId, one: Walk) -> Iterator[Discrepancy]:
        """Objects that were there, and leave no gap: they were the last ones."""
        for slot in self._slots_behind(chain, one):
            key, item = chain.key(slot), self._items.get(chain.key(slot))
            if key in self._moved or (item and self._expiry.of_object(item)):
                continue
            if item and item.rows:
                offsets = OffsetRange(slot, max(slot, *(rows.last + 1 for rows in item.rows)))
                yield Discrepancy(Kind.OBJECT_MISSING, self._gone(key), chain, offsets, key)
            elif one.objects and self._committed.get(key, 0) > one.next:
                offsets = OffsetRange(slot, self._committed[key])
                yield Discrepancy(Kind.OBJECT_MISSING, self._gone(key), chain, offsets, key)
            elif item and item.line:
                yield _line_alone(item)

    def _slots_behind(self, chain: ChainId, one: Walk) -> list[int]:
        return sorted(self._absent[chain] - {hole.slot for gap in one.gaps for hole in gap.parts})

    # --- what retention took --------------------------------------------------------------------------

    def _expired_parts(self, chain: ChainId, one: Walk) -> set[Hole]:
        return {part for gap in one.gaps for part in self._expiry.taken(gap, self._by_slot[chain])}

    def _lost_its_end(self, chain: ChainId, one: Walk) -> bool:
        """Whether retention took the last object of a chain: nobody knows where it ended then."""
        items = (self._by_slot[chain].get(slot) for slot in self._slots_behind(chain, one) if slot >= one.next)
        return any(item and self._expiry.of_object(item) for item in items)

    def _rows_taken(self, item: Item) -> int:
        return max(0, item.line.records - item.distinct) if item.line and self._expiry.of_rows(item) else 0

    def _gone(self, key: str) -> str:
        item = self._items.get(key)
        if item and item.loaded:
            return "it was loaded, and the store has it no longer"
        if item and item.line:
            return "a loader found it, and the store has it no longer"
        return "its end was committed, and the store has not got it"

    # --- objects, lines of the history, rows ------------------------------------------------------------

    def _out_of_order(self, one: Stored) -> Iterator[Discrepancy]:
        if one.said and one.moved:
            what = f"by its metadata it is {one.said_key}" + ", which is there too" * self._is_stored(one.said_key)
            yield Discrepancy(Kind.OBJECT_MOVED, what, one.said.chain, one.said.range, one.key)
        elif one.said is None and one.slot is None:
            yield Discrepancy(Kind.OBJECT_FOREIGN, "it lies in a chain's folder, and is no object of it", key=one.key)
        elif one.said is None and one.slot and not self._items[one.key].changed:
            yield Discrepancy(Kind.OBJECT_DAMAGED, one.problem, one.slot.chain, None, one.key)

    def _reckoned(self, item: Item) -> Iterator[Discrepancy]:
        damaged = item.stored is not None and not item.stored.in_place
        never_there = item.size is None and not item.rows
        if never_there and item.line and layout.slot_of(item.key) is None and not self._expiry.of_object(item):
            yield _line_alone(item)
        elif not never_there or item.key in self._expired_keys:
            found = reckon(item, expired=self._expiry.of_rows(item))
            yield from (one for one in found if not (damaged and one.kind is Kind.LOAD_FAILED))

    def _waits(self, item: Item) -> bool:
        in_place = item.stored is None or item.stored.in_place
        holdings = self._evidence.holdings
        if holdings is None or layout.kind_of(item.key) is layout.Kind.JOB or item.line or item.rows:
            return False
        return in_place and item.size is not None and not self._expiry.forgotten(item, holdings.known_since)

    def _not_loaded(self) -> Iterator[Discrepancy]:
        """Objects that wait though all should be loaded, or though loaders have gone on behind them."""
        cutoff, overlapping = self._evidence.held_at - PASSED_OVER, self._overlapping
        passed: set[ChainId] = set()  # chains with an object loaded before the cutoff behind the one at hand
        for item in sorted(self._items.values(), key=lambda item: item.key, reverse=True):
            slot = layout.slot_of(item.key)
            expected = self._evidence.complete or (slot and slot.chain in passed)
            if expected and self._waits(item) and item.key not in overlapping:
                what = "it is not loaded" + ", and later ones are" * bool(slot and slot.chain in passed)
                yield Discrepancy(Kind.NOT_LOADED, what, item.chain, item.offsets, item.key)
            if slot and item.line and item.loaded and item.line.completed_at <= cutoff:
                passed.add(slot.chain)

    def _doubled(self) -> Iterator[Discrepancy]:
        """Records that came from two objects, where neither these nor their rows are what is wrong."""
        for first, second, offsets in doubled(list(self._items.values())):
            well_loaded = all(one.loaded and not one.astray for one in (first, second))
            if well_loaded and self._overlapping.isdisjoint((first.key, second.key)):
                what = f"rows of these offsets came from {first.key} too"
                yield Discrepancy(Kind.ROWS_DOUBLED, what, second.chain, offsets, second.key)

    # --- the broker -----------------------------------------------------------------------------------

    def _against_broker(self, chain: ChainId, one: Walk, end: End | None) -> Iterator[Discrepancy]:
        mark = self._marks.get(chain)
        if mark is None or end is None:
            if (chain.topic, chain.topic_id) in {(known.topic, known.topic_id) for known in self._marks}:
                what = "the broker has no such partition"
                yield Discrepancy(Kind.BEYOND_BROKER_END, what, chain, OffsetRange(0, one.next))
            return
        if one.next > end.offset:
            what = f"the chain ends at offset {one.next}, and the broker's partition at {end.offset}"
            yield Discrepancy(Kind.BEYOND_BROKER_END, what, chain, OffsetRange(end.offset, one.next))
        known_end = one.objects and not one.open_end and not self._lost_its_end(chain, one)
        if known_end and mark.bounds.start > one.next:
            what = "the broker deleted these offsets, and no object covers them"
            yield Discrepancy(Kind.DELETED_UNREAD, what, chain, OffsetRange(one.next, mark.bounds.start))
        if self._evidence.complete and end.unread and end.unread.offset < mark.bounds.next:
            offsets = OffsetRange(end.unread.offset, mark.bounds.next)
            yield Discrepancy(Kind.UNREAD, "the broker has these, and no object covers them", chain, offsets)

    def _is_stored(self, key: str) -> bool:
        item = self._items.get(key)
        return item is not None and item.size is not None

    def _chains_with_rows(self) -> set[ChainId]:
        slots = map(layout.slot_of, self._items)
        return {slot.chain for slot in slots if slot}


def _line_alone(item: Item) -> Discrepancy:
    what = "a line of the load history names it, and neither the store nor the raw rows know of it"
    return Discrepancy(Kind.HISTORY_WITHOUT_OBJECT, what, item.chain, None, item.key)
