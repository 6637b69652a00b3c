"""Object by object: what the store shows of it, what the load history says of it, and the raw rows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest import layout
from ingest.discrepancies import Discrepancy, Kind
from ingest.records import OffsetRange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ingest.holdings import Rows
    from ingest.inventory import Stored
    from ingest.objects import ChainId
    from ingest.tables import History


@dataclass(frozen=True, slots=True)
class Item:
    """One key: `stored` if the store has it as an object of a chain, or `size` alone if as another one of ours.

    `size` is None if the store has not got it. `line` is what the history says of it, `rows` are those of it in
    raw.raw_events, one `Rows` for each chain, and `recorded` is the time of its newest job record.
    """

    key: str
    size: int | None
    stored: Stored | None = None
    line: History | None = None
    rows: list[Rows] = field(default_factory=list)
    recorded: datetime | None = None

    @property
    def loaded(self) -> bool:
        """Whether the history says that its rows are in the warehouse."""
        return self.line is not None and self.line.status == "loaded"

    @property
    def changed(self) -> bool:
        """Whether it has another size than when it was loaded."""
        known = self.loaded and self.line is not None and self.line.bytes
        return bool(known) and self.size not in (None, known)

    @property
    def row_count(self) -> int:
        """How many rows of it are in raw.raw_events."""
        return sum(rows.count for rows in self.rows)

    @property
    def distinct(self) -> int:
        """Of how many different records there are rows."""
        return sum(rows.distinct for rows in self.rows)

    @property
    def newest(self) -> datetime | None:
        """When the newest of its rows that are in the warehouse was read or recorded: before it was stored."""
        return max((time for time in (*(rows.newest for rows in self.rows), self.recorded) if time), default=None)

    @property
    def astray(self) -> bool:
        """Whether any of the rows is of another chain or other offsets than the object."""
        return any(map(self._is_astray, self.rows))

    @property
    def chain(self) -> ChainId | None:
        """The chain that its key names or that it was recovered from, or else the one of its rows."""
        slot = self.slot
        return slot.chain if slot else (self.rows[0].chain if self.rows else None)

    @property
    def slot(self) -> layout.Slot | None:
        """The slot that its key names, or the one that it was recovered from."""
        return layout.slot_of(self.key) or layout.recovered_from(self.key)

    @property
    def offsets(self) -> OffsetRange | None:
        """The offsets that it covers, as its metadata tells."""
        return self.stored.said.range if self.stored and self.stored.said else None

    def _is_astray(self, rows: Rows) -> bool:
        said, slot = self.stored.said if self.stored else None, self.slot
        if said:
            return rows.chain != said.chain or rows.first < said.range.start or rows.last >= said.range.next
        return slot is not None and (rows.chain != slot.chain or rows.first < slot.start)


def reckon(item: Item, *, expired: bool = False) -> Iterator[Discrepancy]:
    """What is wrong between the store, the history and the rows. That the store lacks the object is not told here.

    `expired`: its rows may be gone, all or some.
    """
    if item.line is None or item.line.status == "failed":
        if item.rows:
            what = f"{item.row_count:,} rows of it are in the warehouse, and the load history knows of none"
            yield _found(Kind.ROWS_WITHOUT_HISTORY, item, what)
        elif item.line and item.size is not None:
            what = f"it could not be loaded, in {item.line.attempts} tries: {item.line.error}"
            yield _found(Kind.LOAD_FAILED, item, what)
        return
    if item.changed:
        what = f"it has {item.size:,} bytes, and had {item.line.bytes:,} when it was loaded"
        yield _found(Kind.OBJECT_CHANGED, item, what)
    if layout.kind_of(item.key) is not layout.Kind.JOB:
        yield from _reckon_rows(item, item.line, expired=expired)


def _reckon_rows(item: Item, line: History, *, expired: bool) -> Iterator[Discrepancy]:
    said = item.stored.said if item.stored else None
    told = {line.records} | ({said.records} if said else set())
    if said and len(told) > 1:
        what = f"its metadata counts {said.records:,} records, and {line.records:,} were loaded"
        yield _found(Kind.COUNT_WRONG, item, what)
    count, distinct = item.row_count, item.distinct
    if item.astray:
        yield _found(Kind.ROWS_ASTRAY, item, "the warehouse has rows of it whose offsets it does not cover")
    elif distinct > max(told):
        what = f"the warehouse has rows of {distinct:,} offsets of it, and {line.records:,} were loaded"
        yield _found(Kind.ROWS_ASTRAY, item, what)
    elif said and count in told and _quarantined(item) != said.quarantined:
        what = f"its metadata counts {said.quarantined:,} quarantined records, the warehouse {_quarantined(item):,}"
        yield _found(Kind.COUNT_WRONG, item, what)
    if distinct < max(told) and distinct not in told and not expired:
        what = f"{max(told) - distinct:,} of its {max(told):,} rows are not in the warehouse"
        yield _found(Kind.ROWS_MISSING, item, what)
    if count > distinct:
        what = f"{count - distinct:,} rows of it are in the warehouse more than once"
        yield _found(Kind.ROWS_DOUBLED, item, what)


def doubled(items: list[Item]) -> Iterator[tuple[Item, Item, OffsetRange]]:
    """Pairs of objects whose rows in the warehouse have offsets in common, and which: none, in a sound chain.

    Recovered rows are second rows of their records on purpose, and are left out.
    """
    found: dict[ChainId, list[tuple[int, int, Item]]] = {}
    for item in items:
        if layout.kind_of(item.key) is not layout.Kind.RECOVERED:
            for rows in item.rows:
                found.setdefault(rows.chain, []).append((rows.first, rows.last, item))
    for spans in found.values():
        spans.sort(key=lambda span: span[:2])
        reached, before = -1, None
        for first, last, item in spans:
            if before is not None and first <= reached:
                yield before, item, OffsetRange(first, min(last, reached) + 1)
            if last > reached:
                reached, before = last, item


def _quarantined(item: Item) -> int:
    return sum(rows.quarantined for rows in item.rows)


def _found(kind: Kind, item: Item, what: str) -> Discrepancy:
    return Discrepancy(kind, what, item.chain, item.offsets, item.key)
