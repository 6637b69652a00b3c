"""Verification: what the broker has, what is stored, what is loaded and the raw rows, each held against the next.

The order of looking keeps it from false alarms while the pipeline runs: 1. the broker, 2. the warehouse, 3. the
store, 4. the broker again. Records go the other way round, so each has all that the one before it can know of.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from ingest.discrepancies import Discrepancy, Kind
from ingest.errors import BrokerError, WarehouseError
from ingest.evidence import Evidence
from ingest.examination import Account, Examination
from ingest.inspection import inspect
from ingest.inventory import take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from ingest.chain import Store
    from ingest.errors import IngestError
    from ingest.holdings import Holdings
    from ingest.marks import End, Marks
    from ingest.objects import ChainId
    from ingest.retention import Retention

_T = TypeVar("_T")
#: What says enough of an object's bytes.
_BYTES_KNOWN: Final = (Kind.OBJECT_CHANGED, Kind.OBJECT_DAMAGED)


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked. `marks` and `holdings` are None if the broker or the warehouse is to be left out."""

    store: Store
    marks: Marks | None
    holdings: Callable[[], Holdings] | None


@dataclass(slots=True)
class Report:
    """What verification found. `accounts` and `discrepancies` are in the order of chains and offsets.

    `others` are objects of ours beside the chains (recovered rows, job records), `foreign` keys none of ours.
    `away` tells why the broker or the warehouse, though asked, could not be compared.
    """

    accounts: list[Account]
    discrepancies: list[Discrepancy]
    objects: int
    others: int
    foreign: int
    away: dict[str, IngestError] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, as far as could be seen."""
        return not self.discrepancies


def verify(
    sources: Sources,
    clock: Callable[[], datetime],
    on_progress: Callable[[int], None],
    *,
    complete: bool = False,
    deep: bool = False,
    retention: Retention | None = None,
) -> Report:
    """Look at all sources, and hold each against the next.

    A broker or a warehouse that can't be reached is left out, and `Report.away` says so; without the store
    there is nothing to verify, and what it raises is raised. `complete`: all that the broker had when this began
    must be stored and loaded. `deep`: read every object. What is missing because `retention` took it is
    nothing wrong, and counted in the accounts. `on_progress` hears how many objects were looked at.
    """
    away: dict[str, IngestError] = {}
    marks = _asked(sources.marks.before if sources.marks else None, "broker", away)
    held_at = clock()
    holdings = _asked(sources.holdings, "warehouse", away)
    inventory = take(sources.store, on_progress)
    horizon = retention.raw_horizon(clock()) if retention else None  # what it may have taken until now
    examination = Examination(Evidence(marks, holdings, held_at, inventory, complete, horizon))
    ends: dict[ChainId, End] = {}
    if marks and sources.marks:
        after = sources.marks.after
        ends = _asked(lambda: after(examination.positions), "broker", away) or {}
    found = _once(examination.discrepancies(ends))
    if deep:
        known = {one.key for one in found if one.kind in _BYTES_KNOWN}
        found += [one for one in inspect(sources.store, inventory, on_progress) if one.key not in known]
    return Report(
        _with_wrong(examination.accounts(ends), found),
        sorted(found, key=_place),
        len(inventory.objects),
        len(inventory.others),
        inventory.foreign,
        away,
    )


def _asked(ask: Callable[[], _T] | None, what: str, away: dict[str, IngestError]) -> _T | None:
    """The answer; None if nobody is to be asked, or if who is asked can't be reached."""
    if ask is None:
        return None
    try:
        return ask()
    except (BrokerError, WarehouseError) as error:
        away[what] = error
        return None


def _once(found: Iterable[Discrepancy]) -> list[Discrepancy]:
    """Each kind once for an object, as it was found first."""
    first = {(one.kind, one.key or one): one for one in reversed(list(found))}
    return [*reversed(first.values())]


def _with_wrong(accounts: list[Account], found: list[Discrepancy]) -> list[Account]:
    """The accounts, with the number of discrepancies of each."""
    wrong = Counter(one.chain for one in found)
    for account in accounts:
        account.wrong = wrong[account.chain]
    return accounts


def _place(one: Discrepancy) -> tuple[object, ...]:
    chain = (one.chain is None, *(astuple(one.chain) if one.chain else ()))
    return (chain, one.offsets.start if one.offsets else -1, one.key or "", one.kind)
