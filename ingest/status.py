"""Status at a glance: how far each chain is behind the broker and the warehouse behind the chain.

Whoever is away is left out and named. Few objects are asked for anything: the last one of each chain, and the one
that has waited longest.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Final, TypeVar

import polars as pl

from ingest import layout
from ingest.errors import DependencyError, StoreRefused
from ingest.inventory import ASKERS, tips
from ingest.runs import newest, runs_in_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ingest.chain import Entry, Store
    from ingest.inventory import Stored
    from ingest.jobs import JobRecord
    from ingest.marks import End, Mark, Marks
    from ingest.objects import ChainId
    from ingest.tables import History

_T = TypeVar("_T")
#: A larger object is not read to tell when it was written: this is to be quick.
_SMALL: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Look:
    """Who is asked; None: left out. `runs` answers the job records that the warehouse has."""

    store: Store
    marks: Marks | None
    history: Callable[[], dict[str, History]] | None
    runs: Callable[[], list[JobRecord]] | None


@dataclass(slots=True)
class Standing:
    """One chain. What could not be found out is None.

    `next` is the slot that comes next, `last_object` the key of the last one, whose newest record came in at
    `taken_in_at`. `waiting` objects are not loaded, the first of them is `oldest_waiting`, which came in at
    `waiting_since`; `failed` ones were tried.
    """

    chain: ChainId
    mark: Mark | None = None
    end: End | None = None
    objects: int | None = None
    next: int | None = None
    last_object: str | None = None
    taken_in_at: datetime | None = None
    waiting: int | None = None
    oldest_waiting: str | None = None
    waiting_since: datetime | None = None
    failed: int | None = None
    last_load_at: datetime | None = None


@dataclass(slots=True)
class Glance:
    """The standings in the order of chains, the last runs of each job, and why who is away could not be asked."""

    standings: list[Standing] = field(default_factory=list)
    runs: list[JobRecord] = field(default_factory=list)
    away: dict[str, DependencyError] = field(default_factory=dict)


def status(look: Look) -> Glance:
    """Ask the broker, the warehouse, the store and the broker again, in this order."""
    found = Glance()
    marks = _asked(look.marks.before if look.marks else None, "broker", found)
    history = _asked(look.history, "warehouse", found)
    runs = (_asked(look.runs, "warehouse", found) if history is not None else None) or []
    entries = _asked(lambda: list(look.store.list()), "store", found)
    standings = {mark.chain: Standing(mark.chain, mark) for mark in marks or ()}
    if entries is not None:
        _asked(lambda: _stand_in_store(look.store, entries, standings), "store", found)
        jobs = [entry.key for entry in entries if layout.kind_of(entry.key) is layout.Kind.JOB]
        runs += _asked(lambda: runs_in_store(look.store, jobs), "store", found) or []
    if history is not None:
        _stand_in_history(history, standings)
        if entries is not None:
            _asked(lambda: _wait(look.store, entries, history, standings), "store", found)
    if marks and look.marks and "store" not in found.away:
        _ask_ends(look.marks, standings, found)
    found.standings = sorted(standings.values(), key=lambda one: astuple(one.chain))
    found.runs = newest(runs)
    return found


def _stand_in_store(store: Store, entries: list[Entry], standings: dict[ChainId, Standing]) -> None:
    """How many objects each chain has, and what its last one says."""
    for standing in standings.values():
        standing.objects, standing.next = 0, 0
    for entry in entries:
        if slot := layout.slot_of(entry.key):
            standing = standings.setdefault(slot.chain, Standing(slot.chain, objects=0))
            standing.objects = (standing.objects or 0) + 1
    last = tips(store, entries)
    for tip, time in zip(last, _taken_in(store, last), strict=True):
        if tip.slot:
            standing = standings[tip.slot.chain]
            standing.last_object, standing.taken_in_at = tip.key, time
            standing.next = tip.said.range.next if tip.said and tip.in_place else None


def _stand_in_history(history: Mapping[str, History], standings: dict[ChainId, Standing]) -> None:
    for standing in standings.values():
        standing.failed = 0
    for key, line in history.items():
        slot = layout.slot_of(key)
        if slot is None or slot.chain not in standings:
            continue
        standing = standings[slot.chain]
        if line.status == "failed":
            standing.failed = (standing.failed or 0) + 1
        else:
            standing.last_load_at = max(line.completed_at, standing.last_load_at or line.completed_at)


def _wait(
    store: Store, entries: list[Entry], history: Mapping[str, History], standings: Mapping[ChainId, Standing]
) -> None:
    """How many objects no loader has tried, and the first of each chain."""
    first: dict[ChainId, Entry] = {}
    for standing in standings.values():
        standing.waiting = 0
    for entry in entries:
        slot = layout.slot_of(entry.key)
        if slot and entry.key not in history:
            standings[slot.chain].waiting = (standings[slot.chain].waiting or 0) + 1
            first.setdefault(slot.chain, entry)
    for (chain, entry), time in zip(first.items(), _taken_in(store, list(first.values())), strict=True):
        standings[chain].oldest_waiting, standings[chain].waiting_since = entry.key, time


def _ask_ends(marks: Marks, standings: Mapping[ChainId, Standing], found: Glance) -> None:
    positions = {one.chain: one.next for one in standings.values() if one.mark and one.next is not None}
    for chain, end in (_asked(lambda: marks.after(positions), "broker", found) or {}).items():
        standings[chain].end = end


def _taken_in(store: Store, objects: Sequence[Entry | Stored]) -> list[datetime | None]:
    """When the newest record of each object came in; None for a large one, or one that can't be read."""
    with ThreadPoolExecutor(ASKERS, "taken-in") as readers:
        return list(readers.map(lambda one: _newest_record(store, one), objects))


def _newest_record(store: Store, one: Entry | Stored) -> datetime | None:
    if one.size > _SMALL:
        return None
    try:
        times = pl.read_parquet(BytesIO(store.read(one.key)), columns=["_ingested_at"])["_ingested_at"]
    except (StoreRefused, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    found: datetime | None = times.max()  # type: ignore[assignment]
    return found


def _asked(ask: Callable[[], _T] | None, what: str, found: Glance) -> _T | None:
    """The answer; None if nobody is to be asked, or who is asked is away, which is noted."""
    if ask is None or what in found.away:
        return None
    try:
        return ask()
    except DependencyError as error:
        found.away[what] = error
        return None
