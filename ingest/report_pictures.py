"""The report's pictures as SVG, each drawn twice: for a phone's width and for a wider one.

Colours go in as signs and come out as the page's CSS variables, so that a picture follows the page into the dark.
Nothing is drawn that a producer named: such texts stand beside the pictures, in the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import altair as alt
import vl_convert

from ingest.report_rows import LENGTHS, Activity, Bands, Latency, Length, Mastery

#: Width of the drawing and size of its letters: the page shows the first from 360 px on, the second from 800 px on.
_NARROW: Final = (312, 11.5)
_WIDE: Final = (860, 14.0)
_SIGNS: Final = {
    "#0a0b01": "--muted",
    "#0a0b02": "--line",
    "#0a0b03": "--events",
    "#0a0b04": "--duplicates",
    "#0a0b05": "--late",
    "#0a0b06": "--surface",
}
_MUTED, _LINE, _EVENTS, _DUPLICATES, _LATE, _SURFACE = _SIGNS
_LEAST: Final = 0.01  # seconds: a logarithm has no 0
_EDGE: Final = 46  # pixels left of the drawing, for the figures of the axis
_SIGN: Final = re.compile("|".join(_SIGNS))
#: Attributes that say nothing here, and digits that nobody sees.
_NEEDLESS: Final = re.compile(r' (?:font-family|pointer-events|role|class|aria-hidden)="[^"]*"')
_FINER: Final = re.compile(r"(\.\d\d)\d+")


@dataclass(frozen=True, slots=True)
class Picture:
    """The same picture for both widths, and what it shows in words."""

    narrow: str
    wide: str
    words: str


def activity(rows: Sequence[Activity], bands: Sequence[Bands], step: timedelta, words: str) -> Picture:
    """Events over time, with a band of duplicates and one of late events below, each on a scale of its own."""
    fine = step < timedelta(days=1)  # so many that they touch: a surface that is 0 where there is nothing
    shown = [
        (name, colour, [(at, count) for at, count in found if count])
        for name, colour, found in (
            ("twice", _DUPLICATES, [(one.began_at, one.duplicates) for one in bands]),
            ("late", _LATE, [(one.began_at, one.late_events) for one in bands]),
        )
    ]
    times = [row.began_at for row in rows] + [band.began_at for band in bands]
    ends = (min(times), max(times) + step)

    def draw(width: float, size: float) -> Any:
        inner = width - _EDGE - 12
        wide = max(step if fine else 0.8 * step, 1.5 / inner * (ends[1] - ends[0]))  # a bar of 1.5 pixels can be seen
        events = _with_gaps(rows, step) if fine else _bars([(row.began_at, row.events) for row in rows], wide)
        x = alt.X("at:T", scale=alt.Scale(type="utc", domain=[*map(_utc, ends)]), title=None)
        y = alt.Y("count:Q", scale=alt.Scale(zero=True), title=None, axis=_figures(tickCount=3, labelExpr=_COUNTS))
        drawn = _chart(events).encode(x.axis(**_times(width)), y)
        main = (
            drawn.mark_area(color=_EVENTS, opacity=0.85, interpolate="step-after")
            if fine
            else drawn.mark_bar(color=_EVENTS).encode(x2="until:T", y2=alt.datum(0))
        )
        strips = [_band(name, _bars(found, wide), colour, x, (inner, size)) for name, colour, found in shown if found]
        return alt.vconcat(main.properties(width=inner, height=_height(width)), *strips, spacing=8)

    return _both(words, draw)


def _height(width: float) -> int:
    return 170 if width < 400 else 220


def _bars(found: Sequence[tuple[datetime, int]], wide: timedelta) -> list[dict[str, Any]]:
    """From begin to end, so that what stands above another has its place and its width."""
    return [{"at": _utc(at), "until": _utc(at + wide), "count": count} for at, count in found]


def _band(name: str, values: list[dict[str, Any]], colour: str, time: alt.X, room: tuple[float, float]) -> Any:
    """A strip with a name, whose bars are the stronger the more there is. `room`: width, and size of letters."""
    width, size = room
    top = max(one["count"] for one in values)
    scale = alt.Scale(type="sqrt", domain=[0, top], range=[0.25, 1.0])
    strength = alt.Opacity("count:Q", scale=scale, legend=None)
    strip = _chart(values).mark_bar(color=colour).encode(time.axis(None), strength, x2="until:T")
    label = _chart([{"name": name}]).mark_text(align="right", fontSize=size, color=_MUTED)
    return (
        strip.encode(y=alt.value(0), y2=alt.value(18)) + label.encode(x=alt.value(-6), y=alt.value(9), text="name:N")
    ).properties(width=width, height=18)


def lengths(rows: Sequence[Length], words: str) -> Picture:
    """How many sessions are of each class of lengths."""
    counted = {row.length_class: row.sessions for row in rows}
    values = [{"length": name, "sessions": counted.get(place, 0)} for place, name in enumerate(LENGTHS)]

    def draw(width: float, size: float) -> Any:
        lines = "split(datum.label, ' ')" if width < 400 else "datum.label"  # a phone: the unit below the number
        axis = alt.Axis(labelAngle=0, labelOverlap=False, ticks=False, labelExpr=lines)
        bars = _chart(values).encode(
            alt.X("length:N", sort=[*LENGTHS], title=None, axis=axis), alt.Y("sessions:Q", title=None, axis=None)
        )
        figures = bars.mark_text(dy=-8, fontSize=size, color=_MUTED).encode(alt.Text("sessions:Q", format=",d"))
        main = bars.mark_bar(color=_EVENTS)
        return (main + figures).properties(width=width - 8, height=_height(width))

    return _both(words, draw)


def course(rows: Sequence[Mastery], ends: tuple[float, float], days: tuple[date, date]) -> str:
    """The mean mastery of one content by day, without letters: one of several that share their scales."""
    values = [{"day": row.partition_date.isoformat(), "mastery": row.avg_current_mastery} for row in rows]
    x = alt.X("day:T", scale=alt.Scale(type="utc", domain=[one.isoformat() for one in days]), axis=None)
    y = alt.Y("mastery:Q", scale=alt.Scale(domain=list(ends), zero=False, nice=False), axis=None)
    drawn = _chart(values).encode(x, y)
    ground = _chart([{"mastery": end} for end in ends]).mark_rule(color=_LINE).encode(y)
    dots = drawn.mark_circle(color=_EVENTS, size=26 if len(rows) < 10 else 8, opacity=1)
    layers = ground + drawn.mark_line(color=_EVENTS, strokeWidth=2) + dots
    return _svg(layers.properties(width=160, height=56, padding=4), 12)


def latency(rows: Sequence[Latency], words: str) -> Picture:
    """For each hour of loads a bar from the median to the 95th percentile of received to loaded, on a log scale."""
    hours = [
        (row.loaded_hour, max(half, _LEAST), max(row.received_to_loaded_p95_seconds or half, _LEAST))
        for row in rows
        if (half := row.received_to_loaded_p50_seconds) is not None
    ]
    ends = (min(half for _, half, _ in hours) / 2, max(most for _, _, most in hours) * 1.5)
    said = [second for second in _SAID if ends[0] <= second <= ends[1]]

    def draw(width: float, _: float) -> Any:
        x = alt.X("at:T", scale=alt.Scale(type="utc", nice=True), title=None)
        x = x.axis(**_times(width))
        scale = alt.Scale(type="log", domain=list(ends))
        y = alt.Y("half:Q", scale=scale, title=None, axis=_figures(values=said, labelExpr=_SECONDS))
        drawn = _chart([{"at": _utc(at), "half": half, "most": most} for at, half, most in hours]).encode(x, y)
        thick = max(2.0, min(10.0, 0.6 * width / max(len(hours), 1)))
        bars = drawn.mark_bar(color=_EVENTS, opacity=0.45, width=thick).encode(y2="most:Q")
        dots = drawn.mark_circle(color=_EVENTS, opacity=1, size=thick * thick)
        return (bars + dots).properties(width=width - _EDGE - 12, height=_height(width))

    return _both(words, draw)


#: Seconds as people say them, in Vega's expressions.
_SECONDS: Final = (
    "datum.value >= 86400 ? format(datum.value / 86400, '.2~r') + ' d' : "
    "datum.value >= 3600 ? format(datum.value / 3600, '.2~r') + ' h' : "
    "datum.value >= 60 ? format(datum.value / 60, '.2~r') + ' min' : format(datum.value, '.2~r') + ' s'"
)


#: Counts as people say them: a 0 has no unit.
_COUNTS: Final = "datum.value == 0 ? '0' : format(datum.value, '~s')"
#: Seconds at which a line is drawn.
_SAID: Final = (0.1, 1, 10, 60, 600, 3600, 6 * 3600, 86_400, 10 * 86_400, 100 * 86_400)
_TIMES: Final = (
    "utchours(datum.value) + utcminutes(datum.value) > 0 ? utcFormat(datum.value, '%H:%M') : "
    "utcFormat(datum.value, utcdate(datum.value) == 1 && utcmonth(datum.value) == 0 ? '%Y' : '%-d %b')"
)


def _times(width: float) -> dict[str, Any]:
    """A time axis: hours of 24, days with their month."""
    return {
        "tickCount": 4 if width < 400 else 8,
        "labelExpr": _TIMES,
        "labelFlush": True,
        "labelOverlap": "greedy",
        "labelSeparation": 8,
        "grid": False,
    }


def _figures(**options: Any) -> alt.Axis:
    """A vertical axis whose figures take the same room in every picture."""
    return alt.Axis(minExtent=_EDGE, maxExtent=_EDGE, domain=False, ticks=False, **options)


def _both(words: str, draw: Any) -> Picture:
    narrow, wide = (_svg(draw(*room), room[1]) for room in (_NARROW, _WIDE))
    return Picture(narrow, wide, words)


def _chart(values: list[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=values))


def _svg(chart: Any, size: float) -> str:
    """The chart as SVG for a page: colours by the page's names, its letters and its size left to the page."""
    axis = {"labelColor": _MUTED, "gridColor": _LINE, "domainColor": _LINE, "tickColor": _LINE}
    sizes = {"labelFontSize": size, "titleFontSize": size, "labelPadding": 6}
    plain = chart.configure(background="transparent", aria=False, view={"stroke": None})
    drawn = plain.configure_axis(**axis, **sizes)
    text = vl_convert.vegalite_to_svg(drawn.to_dict(), vl_version="6.1")
    text = _SIGN.sub(lambda sign: f"var({_SIGNS[sign[0]]})", text)
    text = _FINER.sub(r"\1", _NEEDLESS.sub("", text))
    return re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', text, count=1)


def _with_gaps(rows: Sequence[Activity], step: timedelta) -> list[dict[str, Any]]:
    """Every step from the first to the last one, 0 where nothing was counted."""
    counted = {row.began_at: row.events for row in rows}
    first, steps = min(counted), (max(counted) - min(counted)) // step
    times = [first + number * step for number in range(steps + 2)]
    return [{"at": _utc(at), "count": counted.get(at, 0)} for at in times]


def _utc(at: datetime) -> str:
    return at.isoformat() + "Z"
