"""The report as one HTML page that needs nothing but itself: no script, no font, no address is asked for anything.

Whatever comes from the warehouse is text, and escaped; only our own drawings go in as they are. A policy in the page
forbids scripts and requests on top of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from ingest.report_figures import NOTHING, Figure, clock, counted, percent, shortened
from ingest.report_pipeline import difference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ingest.report_questions import Answer
    from ingest.report_rows import Account, Bounds

#: Which figures stand under which heading.
_PARTS: Final = (
    ("activity", "Activity", ("minutes", "periods", "sessions")),
    ("learning", "Learning", ("mastery", "completion", "scores")),
    ("pipeline", "Pipeline", ("latency", "lateness", "quarantine", "runs")),
)


@dataclass(frozen=True, slots=True)
class Front:
    """What stands at the top: which warehouse, when and by which version it was asked, and its account."""

    where: str
    now: datetime
    bounds: Answer[Bounds]
    account: Answer[Account]
    balances: bool
    version: str


def page(front: Front, figures: Sequence[Figure]) -> str:
    """The whole page."""
    by_name = {figure.name: figure for figure in figures}
    parts = [(name, title, [by_name[one] for one in names]) for name, title, names in _PARTS]
    account, bounds = front.account.rows[0], front.bounds.rows[0]
    return _template().render(
        front=front,
        account=account,
        bounds=bounds,
        front_answers=(front.account, front.bounds),
        difference=difference(account),
        accounted=(account.events or 0) + (account.duplicates or 0) + (account.quarantined or 0),
        headlines=by_name["sessions"].facts[:4],
        parts=parts,
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"counted": counted, "clock": clock, "percent": percent, "shortened": shortened}
    environment.filters["drawing"] = Markup  # of `ingest.report_pictures`, which draws no producer's text
    environment.globals |= {"NOTHING": NOTHING, "style": Markup(_read("page.css"))}  # noqa: S704 - a file of ours
    return environment.from_string(_read("page.html"))


def _read(name: str) -> str:
    return files("ingest").joinpath(f"templates/report/{name}").read_text(encoding="utf-8")
