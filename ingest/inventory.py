"""What is in a store: every object of every chain, as the listing and the objects' metadata tell it.

Whole objects are never read. A listing answers for what was put before it began; an object put meanwhile may
be in it without the one before, so what looks like a gap is looked at again (`Inventory.chains` is then sound
to walk while the pipeline runs).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ingest.errors import ChainError, StoreRefused
from ingest.layout import Kind, Slot, kind_of, slot_of
from ingest.objects import ChainId, ObjectMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from ingest.chain import Entry, Store

#: Questions to the store at once: as many connections as its client keeps.
ASKERS: Final = 16


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the store shows it.

    `slot` is what its key says (None: the key is none of a chain's, though it lies in a chain's folder), `said`
    what its metadata says (None: they can't be read, and `problem` says why). `size` is in bytes, `modified` when
    it was stored, as the listing has it.
    """

    key: str
    size: int
    slot: Slot | None
    said: ObjectMetadata | None
    problem: str = ""
    modified: datetime | None = None

    @property
    def in_place(self) -> bool:
        """Whether it lies where its metadata says."""
        return self.said is not None and self.slot == (self.said.chain, self.said.range.start)

    @property
    def moved(self) -> bool:
        """Whether its metadata says that it belongs elsewhere."""
        return self.said is not None and not self.in_place

    @property
    def said_key(self) -> str:
        """The key where it belongs by its metadata; its own, if they can't be read."""
        return self.said.chain.key(self.said.range.start) if self.said else self.key


@dataclass(slots=True)
class Inventory:
    """Every object in the order of keys. `others` are those beside the chains, by key: recovered rows, job records.

    `foreign` counts keys that are none of ours.
    """

    objects: list[Stored] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)  #: sizes in bytes
    foreign: int = 0

    def chains(self) -> dict[ChainId, list[Stored]]:
        """The objects by the chain that their keys name, in the order of their slots."""
        found: dict[ChainId, list[Stored]] = {}
        for one in self.objects:
            if one.slot is not None:
                found.setdefault(one.slot.chain, []).append(one)
        return found


def take(store: Store, on_progress: Callable[[int], None] = lambda count: None) -> Inventory:
    """List the store, and ask every object of a chain for its metadata.

    One request for every 1,000 objects and one for each; `on_progress` hears how many were asked. Raises
    what the store raises.
    """
    inventory = Inventory()
    asked = _sort(store.list(), inventory)
    inventory.objects = _ask(store, asked, on_progress)
    late = [entry for chain in _broken(inventory) for entry in store.list(chain.prefix)]
    known = {one.key for one in inventory.objects}
    ends = {chain: objects[-1].key for chain, objects in inventory.chains().items()}
    missed = [entry for entry in late if entry.key not in known and _before_the_end(entry, ends)]
    if missed:
        inventory.objects = sorted(
            [*inventory.objects, *_ask(store, missed, lambda count: None)], key=lambda one: one.key
        )
    return inventory


def tips(store: Store, entries: Iterable[Entry]) -> list[Stored]:
    """The last object of each chain, with its metadata: one request a chain."""
    last: dict[ChainId, Entry] = {}
    for entry in entries:
        slot = slot_of(entry.key)
        if slot is not None:
            last[slot.chain] = max(entry, last.get(slot.chain, entry))
    return _ask(store, list(last.values()), lambda count: None)


def _sort(entries: Iterable[Entry], inventory: Inventory) -> list[Entry]:
    """Those to be asked for their metadata; the rest is noted."""
    asked = []
    for entry in entries:
        kind = kind_of(entry.key)
        if kind is Kind.OBJECT or (kind is Kind.FOREIGN and _in_a_chains_folder(entry.key)):
            asked.append(entry)
        elif kind in (Kind.RECOVERED, Kind.JOB):
            inventory.others[entry.key] = entry.size
        elif kind is Kind.FOREIGN:
            inventory.foreign += 1
    return asked


def _in_a_chains_folder(key: str) -> bool:
    """Whether a key that is none of ours would be taken for the tip of a chain: its listing shows it."""
    folder, _, _ = key.rpartition("/")
    parts = folder.split("/", 3)
    return len(parts) >= 3 and slot_of(f"{'/'.join(parts[:3])}/{'0' * 20}.parquet") is not None


def _ask(store: Store, entries: list[Entry], on_progress: Callable[[int], None]) -> list[Stored]:
    found = []
    with ThreadPoolExecutor(ASKERS, "metadata") as askers:
        try:
            for number, one in enumerate(askers.map(lambda entry: _stored(store, entry), entries, chunksize=1), 1):
                found += [one] if one else []
                on_progress(number)
        except BaseException:
            askers.shutdown(cancel_futures=True)
            raise
    return found


def _stored(store: Store, entry: Entry) -> Stored | None:
    """The object; None if it was listed, and then it was not there."""
    slot = slot_of(entry.key)
    try:
        text = store.metadata(entry.key)
        if text is None:
            return None
        said = ObjectMetadata.from_text(entry.key, text)
        return Stored(entry.key, entry.size, slot, said, modified=entry.modified)
    except (ChainError, StoreRefused) as error:
        return Stored(entry.key, entry.size, slot, None, str(error), entry.modified)


def _broken(inventory: Inventory) -> Iterator[ChainId]:
    """Chains with an object that does not begin where the one before ends."""
    for chain, objects in inventory.chains().items():
        position = 0
        for one in objects:
            if one.said is None or not one.in_place or one.said.range.start != position:
                yield chain
                break
            position = one.said.range.next


def _before_the_end(entry: Entry, ends: dict[ChainId, str]) -> bool:
    slot = slot_of(entry.key)
    return slot is not None and slot.chain in ends and entry.key < ends[slot.chain]
