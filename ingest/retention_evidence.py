"""What shows that retention took something that is missing: times, and the order in which a chain was stored. Pure.

Nothing is guessed: where none of this shows it, what is missing is a discrepancy.

* The load history says that an object's rows expired, or that they were loaded so long ago that they may be gone.
  What was loaded then had been stored before.
* An object's rows, which may be younger than the object where a warehouse was filled anew, say when they were read.
* The objects of a chain are stored one after the other: what lies before an old object is older still.
* Before the first object of a chain, where nothing is known of those that were there, an age close to the horizon
  is taken for it: retention takes a chain from its beginning on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ingest.inventory import Stored
    from ingest.reckoning import Item
    from ingest.walk import Gap, Hole

#: By how much the first object of a chain may be younger than what retention takes.
NEAR: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Judges what is missing. What is older than the `horizon` may be gone; None: nothing may, but what says so."""

    horizon: datetime | None

    def of_rows(self, item: Item) -> bool:
        """Whether the rows of the object may be gone."""
        return item.line is not None and (item.line.status == "expired" or self._is_old(item.line.completed_at))

    def of_object(self, item: Item) -> bool:
        """Whether the object may be gone."""
        return self.of_rows(item) or (item.line is not None and self._is_old(item.newest))

    def forgotten(self, item: Item, known_since: datetime | None) -> bool:
        """Whether nobody would know any more that it was loaded: its rows may be gone, and so is the history."""
        stored_at = item.stored.modified if item.stored else None
        return (
            known_since is not None and stored_at is not None and stored_at < known_since and self._is_old(stored_at)
        )

    def taken(self, gap: Gap, items: Mapping[int, Item]) -> list[Hole]:
        """The parts of a gap that retention took; `items` are those of the chain, by slot."""
        if self._is_past(gap.follower, items):
            return gap.parts
        known = [_known(part, items) for part in gap.parts]
        if not any(known) and gap.offsets.start == 0 and self._is_near(gap.follower):
            return gap.parts
        found: list[Hole] = []
        for part, item in zip(reversed(gap.parts), reversed(known), strict=True):
            behind = bool(found) and found[-1].offsets.start == part.offsets.next
            if self.of_object(item) if item else behind:
                found.append(part)
        return found[::-1]

    def _is_past(self, stored: Stored, items: Mapping[int, Item]) -> bool:
        item = items.get(stored.slot.start) if stored.slot else None
        return self._is_old(stored.modified) or (item is not None and self.of_rows(item))

    def _is_near(self, stored: Stored) -> bool:
        return self._is_old(stored.modified and stored.modified - NEAR)

    def _is_old(self, time: datetime | None) -> bool:
        return self.horizon is not None and time is not None and time < self.horizon


def _known(part: Hole, items: Mapping[int, Item]) -> Item | None:
    """What was at the part's slot, if the load history tells of it."""
    item = None if part.slot is None else items.get(part.slot)
    return item if item and item.line else None
