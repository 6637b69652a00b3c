"""What verification looked at, put together by key: the objects, their lines of the history, their rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest import layout
from ingest.holdings import Holdings
from ingest.objects import settings_of
from ingest.reckoning import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ingest.inventory import Inventory, Stored
    from ingest.marks import Mark
    from ingest.objects import ChainId
    from ingest.tables import History


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was looked at, in the order of looking. `marks` and `holdings` are None where nobody was asked.

    `held_at` is when the warehouse was read. `complete` asks whether all that the broker had at first is stored
    and loaded. What is older than the `horizon` may have been taken by retention.
    """

    marks: list[Mark] | None
    holdings: Holdings | None
    held_at: datetime
    inventory: Inventory
    complete: bool = False
    horizon: datetime | None = None


def items_of(evidence: Evidence) -> dict[str, Item]:
    """Every key that the store, the history or the rows know of."""
    inventory, holdings = evidence.inventory, evidence.holdings or Holdings()
    stored = {one.key: one for one in inventory.objects}
    sizes = {one.key: one.size for one in inventory.objects} | inventory.others
    history = {key: line for key, line in holdings.history.items() if not _of_another(line, stored.get(key))}
    rows = holdings.rows
    return {
        key: Item(key, sizes.get(key), stored.get(key), history.get(key), rows.get(key, []), holdings.jobs.get(key))
        for key in sorted(sizes.keys() | history.keys() | rows.keys())
    }


def _of_another(line: History, stored: Stored | None) -> bool:
    """Whether the line tells of an object that expired, and another one stands at its key."""
    return stored is not None and line.is_of_another(stored.modified)


def by_slot(items: Mapping[str, Item]) -> defaultdict[ChainId, dict[int, Item]]:
    """Those of chains, by chain and slot."""
    found: defaultdict[ChainId, dict[int, Item]] = defaultdict(dict)
    for item in items.values():
        if slot := layout.slot_of(item.key):
            found[slot.chain][slot.start] = item
    return found


def committed_of(marks: Mapping[ChainId, Mark], stored: Mapping[ChainId, list[Stored]]) -> Iterator[tuple[str, int]]:
    """Keys of objects whose ends were committed, and these ends; not those of a group that writes another store."""
    for chain, mark in marks.items():
        said = next((one.said for one in reversed(stored.get(chain, ())) if one.said), None)
        writer = settings_of(said.settings).get("group", mark.group) if said else None
        if mark.committed and mark.committed_key and writer == mark.group:
            yield mark.committed_key, mark.committed.offset
