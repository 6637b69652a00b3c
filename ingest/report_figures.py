"""What a figure of the report is made of: pictures and numbers, and the words that go with them. No HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from ingest.report_pictures import Picture
    from ingest.report_questions import Answer

NOTHING: Final = "–"  # noqa: RUF001 - a dash, where there is no figure
UNSEEN: Final = "staging.stg_records is not there for this reader"
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Bar:
    """One of several lengths: `share` of the longest, 0..1. `start` is where it begins, if not at the left."""

    name: str
    value: str
    share: float
    note: str = ""
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class Panel:
    """One of several small pictures, its last value and how that moved: `direction` 1 up, -1 down, 0 neither."""

    name: str
    note: str
    value: str
    change: str
    direction: int
    svg: str


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows; the first `texts` columns stand to the left."""

    caption: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    texts: int = 1


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `reading` is the one line on how to read it; without rows there is `nothing` to see, and why."""

    name: str
    title: str
    reading: str
    answers: tuple[Answer[Any], ...]
    facts: tuple[tuple[str, str], ...] = ()
    picture: Picture | None = None
    bars: tuple[Bar, ...] = ()
    panels: tuple[Panel, ...] = ()
    table: Table | None = None
    open_table: bool = False  #: the table is the figure itself
    nothing: str = ""
    note: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return not (self.picture or self.bars or self.panels or self.open_table)


def counted(number: float | None) -> str:
    """A number with its thousands apart."""
    return NOTHING if number is None else f"{number:,.0f}"


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 0..1 in percent."""
    return NOTHING if share is None else f"{share:.{digits}%}"


def lasting(seconds: float | None) -> str:
    """A duration in its largest unit."""
    if seconds is None:
        return NOTHING
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.3g} s"


def clock(at: datetime | None) -> str:
    """A time to the minute."""
    return NOTHING if at is None else f"{at:%Y-%m-%d %H:%M}"


def day(at: date) -> str:
    """A date as people write it."""
    return f"{at.day} {at:%b %Y}"


def told(*texts: str) -> str:
    """What there is to say, in one line."""
    return " · ".join(filter(None, texts))


def whose(tenant: str, tenants: set[str]) -> str:
    """Which tenant's, if there are several."""
    return f"tenant {tenant}" if len(tenants) > 1 else ""


def shortened(text: str, most: int = 120) -> str:
    """A text of anybody's, of a length that fits a page."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
