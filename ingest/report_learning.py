"""The report's figures on learning: mastery over time, completion, scores."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ingest import report_pictures as pictures
from ingest.report_figures import Bar, Figure, Panel, Table, counted, day, percent, shortened, told, whose
from ingest.report_questions import ask
from ingest.report_rows import Completion, Mastery, Score

if TYPE_CHECKING:
    from ingest.report_questions import Select

_SHOWN: Final = 12
_LEAST: Final = 5  # learner-days: of fewer, the lowest completion is mostly chance
_DAYS: Final = timedelta(days=30)
_MONTHS: Final = timedelta(days=90)
_MASTERY: Final = "Mastery by content"
_NAMELESS: Final = "Contents are called what their producers call them; no learner is named."


def mastery(select: Select, last: date | None) -> Figure:
    """The mean mastery of the contents with most evidence, day by day."""
    found = ask(select, "mastery", after=last - _DAYS if last else date.min, rows=_SHOWN)
    if not found.rows:
        reading = "Each line is one content: the mean mastery of the learners who gave evidence on a day."
        nothing = "No evidence of mastery in the last 90 days: the model reaches no further back."
        return Figure("mastery", _MASTERY, reading, (found,), nothing=nothing)
    ends = _ends([row.avg_current_mastery for row in found.rows])
    days = (min(row.partition_date for row in found.rows), max(row.partition_date for row in found.rows))
    reading = (
        f"Each line is one content: the mean mastery of the learners who gave evidence on a day, from {day(days[0])} "
        f"to {day(days[1])}. All panels share one scale, {ends[0]:.1f} at the foot and {ends[1]:.1f} at the top. "
        "The number is that of the content's last day, and beside it how far it has moved since its first."
    )
    courses = [[*course] for _, course in groupby(found.rows, key=lambda row: row.place)]
    tenants = {row.tenant_id for row in found.rows}
    panels = tuple(_panel(course, ends, days, tenants) for course in courses)
    table = _last_days(courses, tenants)
    return Figure("mastery", _MASTERY, reading, (found,), panels=panels, table=table, note=_NAMELESS)


def _panel(course: list[Mastery], ends: tuple[float, float], days: tuple[date, date], tenants: set[str]) -> Panel:
    first, last = course[0], course[-1]
    moved = last.avg_current_mastery - first.avg_current_mastery
    direction = 0 if abs(moved) < 0.005 else 1 if moved > 0 else -1
    return Panel(
        last.content_id,
        told(last.content_type, whose(last.tenant_id, tenants)),
        f"{last.avg_current_mastery:.2f}",
        f"{moved:+.2f}" if len(course) > 1 else "one day",
        direction,
        pictures.course(course, ends, (days[0], max(days[1], days[0] + timedelta(days=1)))),
    )


def _last_days(courses: list[list[Mastery]], tenants: set[str]) -> Table:
    lines = [
        (
            told(row.content_id, whose(row.tenant_id, tenants)),
            row.partition_date.isoformat(),
            counted(row.learners_affected),
            counted(row.evidence_events),
            f"{row.avg_current_mastery:.3f}",
        )
        for course in courses
        for row in course[-3:]
    ]
    heads = ("content", "date", "learners", "evidence", "mastery")
    return Table("The last days of each content", heads, lines, texts=2)


def _ends(values: list[float]) -> tuple[float, float]:
    """A scale of whole tenths that holds all values."""
    low, high = math.floor(10 * min(values)) / 10, math.ceil(10 * max(values)) / 10
    return (low, high) if high > low else (max(low - 0.1, 0.0), min(high + 0.1, 1.0))


def completion(select: Select, last: datetime | None) -> Figure:
    """How many of those who begin a content complete it, and where fewest do."""
    found = ask(select, "completion", since=_since(last), rows=_SHOWN // 2)
    lowest = ask(select, "lowest_completion", since=_since(last), rows=_SHOWN, least=_LEAST)
    reading = (
        f"The {_SHOWN // 2} lessons and {_SHOWN // 2} assessments attempted most in 90 days. A learner-day is a "
        "learner who started or completed it on a day; the bar is the share of these that completed it that day."
    )
    tenants = {row.tenant_id for row in (*found.rows, *lowest.rows)}
    bars = tuple(_of_tenant(_completed(row), row, tenants) for row in found.rows)
    nothing = "No lesson or assessment has been started yet."
    facts, table = _lowest(lowest.rows, tenants)
    answers = (found, lowest)
    return Figure(
        "completion", "Completion by content", reading, answers, facts, bars=bars, table=table, nothing=nothing
    )


def _completed(row: Completion) -> Bar:
    return Bar(row.content_id, percent(row.completion_rate), row.completion_rate, _pair(row))


def _pair(row: Completion) -> str:
    return f"{counted(row.completed)} of {counted(row.attempted)} learner-days"


def _lowest(rows: list[Completion], tenants: set[str]) -> tuple[tuple[tuple[str, str], ...], Table | None]:
    """The contents with the lowest completion; the very first in a line of its own."""
    if not rows:
        return (), None
    title = f"lowest completion, of all with {_LEAST} learner-days or more"
    first = rows[0]
    name = told(shortened(first.content_id, 40), whose(first.tenant_id, tenants))
    fact = (title, f"{name}: {percent(first.completion_rate)}, {_pair(first)}")
    lines = [
        (
            told(row.content_id, whose(row.tenant_id, tenants)),
            percent(row.completion_rate),
            f"{counted(row.completed)} of {counted(row.attempted)}",
        )
        for row in rows
    ]
    heads = ("content", "completion", "learner-days")
    return (fact,), Table(f"{title[0].upper()}{title[1:]}", heads, lines)


def scores(select: Select, last: datetime | None) -> Figure:
    """What graded attempts score."""
    found = ask(select, "scores", since=_since(last), rows=_SHOWN)
    reading = f"The {_SHOWN} contents with most graded attempts in 90 days. The bar is the mean score, of 100%."
    tenants = {row.tenant_id for row in found.rows}
    bars = tuple(_of_tenant(_scored(row), row, tenants) for row in found.rows)
    nothing = "No assessment has been graded yet."
    return Figure("scores", "Scores by content", reading, (found,), bars=bars, nothing=nothing)


def _scored(row: Score) -> Bar:
    share = row.average_score / 100
    return Bar(row.content_id, f"{row.average_score:.1f}%", share, f"{counted(row.graded_attempts)} graded attempts")


def _of_tenant(bar: Bar, row: Completion | Score, tenants: set[str]) -> Bar:
    return replace(bar, note=told(whose(row.tenant_id, tenants), bar.note))


def _since(last: datetime | None) -> date:
    return (last - _MONTHS).date() if last else date.min
