"""Replacing a pipe so that no object is loaded twice and none is left out.

A pipe remembers what it has loaded, and a new one remembers nothing: told to look at the stage, it would load
everything of the last days again. So the new pipe is told of single objects, those that no row is from:

    1. pause the old pipe: it begins no object any more
    2. wait until what it was loading is in the table
    3. put the new pipe in its place; the queue of the old one is gone with it
    4. wait for notifications of objects that were stored before, which the new pipe may still get
    5. tell the new pipe of each object that is in the store and not in the table
    6. wait until they are in the table

Whatever the new pipe is told of goes through its own memory, so that an object that it is notified of as well is
loaded once. An object from which there are rows is never named to it, nor one that is past its retention: its rows
may have been there, and be gone. What a pipe would not take from being told, because it failed before or is too old,
is copied past it. Interrupted anywhere, it is run again: the steps that are done are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from ingest.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ingest.chain import Entry

#: Objects older than this REFRESH does not see, less a margin. Nobody is notified of them any more: they are copied.
REFRESHABLE: Final = timedelta(days=6)
_PAUSE: Final = 5.0  # seconds between two looks
_STEPS: Final = "It can be run again: what is done is left out."


class PipeAdmin(Protocol):
    """One pipe, what it loads from, and what it loads into. Everything raises `WarehouseError`.

    A pipe loads each object once in its life, whether it was notified of it or told by `refresh`. `loaded` are
    the keys of objects with rows in the table, or that Snowflake says it has loaded.
    """

    def needs_replacing(self) -> bool:
        """Whether the pipe that is there is another than the wanted one, or can never run again."""

    def is_running(self) -> bool:
        """Whether it begins objects."""

    def is_at_rest(self) -> bool:
        """Whether it is paused, and no load is known to be under way."""

    def pause(self) -> None:
        """Begin no more objects; those under way are finished."""

    def resume(self) -> None:
        """Begin objects again. Raises if it does not."""

    def replace(self) -> None:
        """Put the wanted pipe in its place, running, without a memory and without a queue."""

    def refresh(self, key: str) -> None:
        """Tell the pipe of one object. It takes none that it has tried, nor one older than seven days."""

    def copy(self, keys: Sequence[str]) -> None:
        """Load objects past the pipe, of which it never hears again. Raises if one can't be loaded."""

    def stored(self) -> list[Entry]:
        """The objects that belong into the table."""

    def loaded(self) -> set[str]:
        """The keys of those that are in it."""

    def failed(self) -> set[str]:
        """The keys of those that this pipe has tried and could not load."""


@dataclass(slots=True)
class Outcome:
    """What a replacement did: whether the pipe was replaced, and which objects it was told of, or were copied.

    `expired` counts objects without rows that are past their retention, and were left alone.
    """

    replaced: bool = False
    expired: int = 0
    refreshed: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)


class Replacement:
    """The steps. `settle` is how long in-flight loads and late notifications are waited for, in seconds.

    Rows of objects stored before `horizon` may be gone. `clock` answers the time in UTC; `on_step` hears what is
    being done, in words.
    """

    def __init__(
        self,
        pipe: PipeAdmin,
        horizon: datetime,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        on_step: Callable[[str], None],
        settle: float,
    ) -> None:
        self._pipe, self._clock, self._sleep, self._on_step, self._settle = pipe, clock, sleep, on_step, settle
        self._horizon = horizon

    def missing(self) -> tuple[list[Entry], int]:
        """The objects of the store that should have rows and have none, in the order of keys.

        And how many have none that are past their retention.
        """
        stored = self._pipe.stored()  # first: what is loaded was stored before
        loaded = self._pipe.loaded()
        without = [entry for entry in stored if entry.key not in loaded]
        kept = [entry for entry in without if entry.modified is None or entry.modified >= self._horizon]
        return kept, len(without) - len(kept)

    def run(self, patience: float) -> Outcome:
        """Take the steps. Raises `WarehouseError` if objects are not in the table after `patience` seconds."""
        outcome = Outcome()
        if self._pipe.needs_replacing():
            self._replace()
            outcome.replaced = True
        elif not self._pipe.is_running():
            self._pipe.resume()
        self._on_step(f"waiting {self._settle:,.0f} s for late notifications")
        self._sleep(self._settle)
        told = self._tell(outcome)
        self._wait(told, patience)
        return outcome

    def _replace(self) -> None:
        """Steps 1 to 3."""
        self._on_step("pausing the old pipe")
        self._pipe.pause()
        self._on_step("waiting for what it was loading")
        before: set[str] | None = None
        while before != (now := self._pipe.loaded()) or not self._pipe.is_at_rest():
            before = now
            self._sleep(self._settle or _PAUSE)
        self._on_step("putting the new one in its place")
        self._pipe.replace()

    def _tell(self, outcome: Outcome) -> set[str]:
        """Step 5."""
        missing, outcome.expired = self.missing()
        failed = self._pipe.failed()
        self._on_step(f"telling the pipe of {len(missing):,} objects that are not in the table")
        for entry in missing:
            too_old = entry.modified is not None and self._clock() - entry.modified > REFRESHABLE
            if too_old or entry.key in failed:
                outcome.copied.append(entry.key)
            else:
                self._pipe.refresh(entry.key)
                outcome.refreshed.append(entry.key)
        if outcome.copied:
            self._pipe.copy(outcome.copied)
        return {entry.key for entry in missing}

    def _wait(self, told: set[str], patience: float) -> None:
        """Step 6."""
        waited = 0.0
        while left := told - self._pipe.loaded():
            if waited >= patience:
                raise WarehouseError(
                    f"{len(left):,} objects are not in the table after {patience:,.0f} s, the first {min(left)}",
                    f"`ingest snowflake check` says why. {_STEPS}",
                )
            self._on_step(f"waiting for {len(left):,} objects")
            self._sleep(_PAUSE)
            waited += _PAUSE
