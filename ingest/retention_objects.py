"""Objects that are past their time: in a folder we remove them, in a bucket its lifecycle rules do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from ingest.layout import JOBS_PREFIX, RECOVERED_PREFIX, Kind, kind_of, slot_of
from ingest.retention_layers import Layer, Share, Taker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ingest.chain import Entry
    from ingest.objects import ChainId


#: So long before the end of a chain it is told.
_SOON: Final = timedelta(days=30)


@runtime_checkable
class Remover(Protocol):
    """A store whose objects we remove ourselves: see `ingest.folder.FolderStore`."""

    def remove(self, key: str) -> None:
        """Remove the object at the key, if there is one. Raises `StoreError`."""


@dataclass(slots=True)
class Stock:
    """The objects of one kind: `past` ones go, in the order of keys, so that a chain loses its beginning first.

    `name` is a topic, or what the keys of recovered rows and of job records begin with. The rest is as in `Share`.
    """

    name: str
    past: list[Entry] = field(default_factory=list)
    oldest: datetime | None = None
    tips: int = 0
    unloaded: int = 0
    ending: int = 0

    @property
    def nbytes(self) -> int:
        """Of the objects that are past their time."""
        return sum(entry.size for entry in self.past)

    def share(self, horizon: datetime, taker: Taker) -> Share:
        """What there is to tell of it."""
        counts = (len(self.past), self.oldest, self.nbytes, self.tips, self.unloaded, self.ending)
        return Share(Layer.OBJECTS, self.name, taker, horizon, *counts)


def stocks(entries: Iterable[Entry], horizon: datetime) -> list[Stock]:
    """What a bucket holds, whose rules know neither chains nor loads. An object of unknown age is young."""
    listed = list(entries)
    found = {stock.name: stock for stock in _counted(listed, horizon, lambda entry: False, lambda entry: True)}
    for chain, tip in _tips(listed).items():
        found.setdefault(chain.topic, Stock(chain.topic)).ending += (
            tip.modified is not None and tip.modified < horizon + _SOON
        )
    return list(found.values())


def removable(
    entries: Iterable[Entry], horizon: datetime, is_loaded: Callable[[Entry], bool] | None = None
) -> list[Stock]:
    """What a folder holds. Of what is past its time two things are kept, and counted.

    They are the last object of a chain, without which the chain would begin again at slot 0, and objects that are not
    loaded, where there is a warehouse to tell.
    """
    listed = list(entries)
    tips = {entry.key for entry in _tips(listed).values()}
    return _counted(listed, horizon, lambda entry: entry.key in tips, is_loaded or (lambda entry: True))


def remove(store: Remover, stock: Stock) -> int:
    """Remove what is past its time; answers how many bytes that were. Again after an interruption: the rest goes."""
    for entry in stock.past:
        store.remove(entry.key)
    return stock.nbytes


def _counted(
    entries: Iterable[Entry],
    horizon: datetime,
    is_tip: Callable[[Entry], bool],
    is_loaded: Callable[[Entry], bool],
) -> list[Stock]:
    found: dict[str, Stock] = {}
    for entry in entries:
        name, time = _name(entry.key), entry.modified
        if name is None or time is None:
            continue
        stock = found.setdefault(name, Stock(name))
        if time < horizon and is_tip(entry):
            stock.tips += 1
            continue
        stock.oldest = min(time, stock.oldest or time)
        if time < horizon and not is_loaded(entry):
            stock.unloaded += 1
        elif time < horizon:
            stock.past.append(entry)
    return list(found.values())


def _name(key: str) -> str | None:
    """The kind of object; None for what does not age: what lies below `_probe/`, and what is none of ours."""
    slot = slot_of(key)
    names = {Kind.RECOVERED: RECOVERED_PREFIX, Kind.JOB: JOBS_PREFIX}
    return slot.chain.topic if slot else names.get(kind_of(key))


def _tips(entries: Iterable[Entry]) -> dict[ChainId, Entry]:
    """The last object of each chain; keys of a chain ascend with their slots."""
    return {slot.chain: entry for entry in entries if (slot := slot_of(entry.key))}
