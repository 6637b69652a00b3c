"""The report's figures on activity: events over time, and sessions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ingest import report_pictures as pictures
from ingest.report_figures import UNSEEN, Figure, Table, clock, counted, lasting
from ingest.report_questions import Answer, ask
from ingest.report_rows import LENGTHS, Activity, Bands, Sessions

if TYPE_CHECKING:
    from ingest.report_questions import Select

#: How far back minutes are shown, and sessions.
_WINDOW: Final = timedelta(hours=48)
_MONTHS: Final = timedelta(days=90)
_MINUTE: Final = timedelta(minutes=1)
_BUSIEST: Final = 12
_DAY: Final = timedelta(days=1)
#: Units of the whole time, how long one is, and the span from which on there would be too many.
_UNITS: Final = (
    ("day", _DAY, 400 * _DAY),
    ("week", 7 * _DAY, 1600 * _DAY),
    ("month", 30 * _DAY, timedelta.max),
)
_UNSEEN: Final = f"{UNSEEN}, so duplicates and late events are not shown."


def minutes(select: Select, last: datetime | None, *, staged: bool) -> Figure:
    """Events of each minute of the last two days that have any; `staged`: duplicates and late events can be seen."""
    since = last - _WINDOW if last else datetime.min
    found = ask(select, "minutes", since=since)
    bands = _bands(select, "minute_bands", staged=staged, since=since)
    return _activity(
        Figure(
            "minutes",
            "Events, minute by minute",
            "The last 48 hours with activity, heartbeats left out. The height is the number of events in a minute. "
            "The band below marks minutes of events that came twice, and were counted once: the stronger, the more.",
            (found, *bands),
            note="" if staged else _UNSEEN,
        ),
        "minute",
        _MINUTE,
        clock,
        "in 48 hours",
    )


def periods(select: Select, first: datetime | None, last: datetime | None, *, staged: bool) -> Figure:
    """Events of the whole time, by a unit that leaves it readable."""
    span = last - first if first and last else timedelta(0)
    unit, step = next((unit, step) for unit, step, most in _UNITS if span < most)
    found, bands = ask(select, "periods", unit=unit), _bands(select, "period_bands", staged=staged, unit=unit)
    return _activity(
        Figure(
            "periods",
            f"The whole time, by {unit}",
            f"Each bar is a {unit}, by the time at which events happened. The bands tell when those happened that "
            "came twice, or more than 30 days late: they are counted where they belong.",
            (found, *bands),
            note="" if staged else _UNSEEN,
        ),
        unit,
        step,
        lambda at: f"{at:%Y-%m-%d}",
        "in all",
    )


def _activity(figure: Figure, unit: str, step: timedelta, name: Callable[[datetime], str], span: str) -> Figure:
    """The figure with its picture and numbers, which are of `span`; it knows its answers."""
    rows: list[Activity] = figure.answers[0].rows
    bands: list[Bands] = [row for answer in figure.answers[1:] for row in answer.rows]
    if not rows:
        return replace(figure, nothing="No events have been counted yet.")
    most, total = max(rows, key=lambda row: row.events), counted(sum(row.events for row in rows))
    facts = [(f"events {span}, without heartbeats", total), (f"busiest {unit}, UTC", name(most.began_at))]
    if not figure.note:
        facts += [(f"duplicates removed {span}", counted(sum(band.duplicates for band in bands)))]
        facts += [(f"more than 30 days late {span}", counted(sum(band.late_events for band in bands)))]
    days = f"{name(rows[0].began_at)} to {name(rows[-1].began_at)} UTC"
    words = f"Events by {unit}, {days}: {total} in all, at most {counted(most.events)} at {name(most.began_at)}."
    picture = pictures.activity(rows, bands, step, words)
    return replace(figure, facts=tuple(facts), picture=picture, table=_busiest(rows, bands, unit, name))


def sessions(select: Select, last: datetime | None) -> Figure:
    """How long sessions last."""
    since = last - _MONTHS if last else datetime.min
    summary, lengths = ask(select, "session_summary", since=since), ask(select, "session_lengths", since=since)
    title, answers = "Sessions and their lengths", (lengths, summary)
    reading = "Each column counts sessions by their length, from the first event to the last, over 90 days."
    if not lengths.rows:
        return Figure("sessions", title, reading, answers, nothing="There are no sessions yet.")
    total: Sessions = summary.rows[0]
    half = lasting(total.median_seconds)
    words = f"{counted(total.sessions)} sessions by length; half of them last {half} or less."
    facts = (
        ("learners", counted(total.learners)),
        ("sessions", counted(total.sessions)),
        ("active hours", counted((total.active_seconds or 0) / 3600)),
        ("median length", lasting(total.median_seconds)),
        ("95% are shorter than", lasting(total.p95_seconds)),
    )
    rows = [
        (LENGTHS[row.length_class], counted(row.sessions), counted(row.active_seconds / 3600)) for row in lengths.rows
    ]
    table = Table("Sessions of the last 90 days", ("length", "sessions", "active hours"), rows)
    return Figure(
        "sessions", title, reading, answers, facts, picture=pictures.lengths(lengths.rows, words), table=table
    )


def _bands(select: Select, question: str, *, staged: bool, **values: Any) -> tuple[Answer[Bands], ...]:
    return (ask(select, question, **values),) if staged else ()


def _busiest(rows: list[Activity], bands: list[Bands], unit: str, name: Callable[[datetime], str]) -> Table:
    beside = {band.began_at: band for band in bands}
    lines = []
    for row in sorted(rows, key=lambda row: (-row.events, row.began_at))[:_BUSIEST]:
        band = beside.get(row.began_at, Bands(row.began_at, 0, 0))
        figures = (row.events, row.learners, band.duplicates, band.late_events)
        lines.append((name(row.began_at), *map(counted, figures)))
    return Table(f"The busiest {unit}s, UTC", (unit, "events", "learners", "duplicates", "late"), lines)
