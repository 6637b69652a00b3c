"""Patience with a store or a broker that fails: it is asked again for as long as it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from ingest.errors import PASSING, DependencyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

_T = TypeVar("_T")
_FIRST_RETRY: Final = 0.2  # seconds between two tries, which double …
_LAST_RETRY: Final = 30.0  # … up to this


def patiently(ask: Callable[[], _T], give_up: Event, told: Callable[[DependencyError, float], None]) -> _T:
    """The answer, once there is one. `told` hears of every failure, with the seconds to the next try.

    Raises the last error that passes when `give_up` is set, and every other error at once.
    """
    for delay in _delays():
        try:
            return ask()
        except PASSING as error:
            told(error, delay)
            if give_up.wait(delay):
                raise
    raise AssertionError("delays never end")


def _delays() -> Iterator[float]:
    delay = _FIRST_RETRY
    while True:
        yield delay
        delay = min(delay * 2, _LAST_RETRY)
