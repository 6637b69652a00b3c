"""The report's figures on time: how long records are on their way, and how late events come."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest import report_pictures as pictures
from ingest.report_figures import UNSEEN, Bar, Figure, Table, clock, counted, lasting, percent
from ingest.report_questions import Answer, ask
from ingest.report_rows import LATENESS, Latency, Lateness, Topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.report_questions import Select

_HOURS: Final = timedelta(days=14)
_LEAST: Final = 0.01  # seconds: a logarithm has no 0
#: A stage, its median and its 95th percentile in seconds, and what it is.
Way = tuple[str, float, float | None, str]
#: Stages by the names of their columns.
_WAYS: Final = (
    ("received to stored", "received_to_ingested", "from the collector or the broker to the consumer"),
    ("received to topic", "received_to_topic", "from the collector to the broker, where there is a collector"),
    ("topic to stored", "topic_to_stored", "from the broker to the consumer"),
    ("stored to loaded", "ingested_to_loaded", "from the consumer to the raw table"),
    ("topic to loaded", "topic_to_loaded", "what this pipeline took"),
    ("received to loaded", "received_to_loaded", "all together"),
)
_NO_TOPIC: Final = Topic(*[None] * len(Topic._fields))


def latency(select: Select, last: datetime | None, *, staged: bool) -> Figure:
    """How long records were on their way, in the last hour and over two weeks; `staged`: from the topic on, too."""
    found: Answer[Latency] = ask(select, "latency", after=last - _HOURS if last else datetime.min)
    title = "How long records are on their way"
    reading = (
        "Each bar reaches from the median to the 95th percentile, on a logarithmic scale: equal distances "
        "are equal factors. A backlog that is read after an outage shows in the hour in which it is loaded. "
        "Received is when the collector says so, else the broker; data made for trial says it of the days that it "
        "plays in."
    )
    if not found.rows:
        return Figure("latency", title, reading, (found,), nothing="No records have been loaded yet.")
    hour = found.rows[-1]
    topic: tuple[Answer[Topic], ...] = (ask(select, "topic", since=hour.loaded_hour),) if staged else ()
    ways = [*_ways(hour, topic[0].rows[0] if topic else _NO_TOPIC)]
    known = {way[0]: way for way in ways}
    name, half, most, _ = known.get("topic to loaded", known["stored to loaded"])
    facts = (
        ("latest hour, UTC", clock(hour.loaded_hour)),
        ("records loaded in it", counted(hour.records)),
        (f"median, {name}", lasting(half)),
        ("95th percentile of it", lasting(most)),
    )
    picture, table = _by_hour(found.rows), _hours(found.rows)
    return Figure("latency", title, reading, (found, *topic), facts, picture, _stages(ways), table=table)


def _by_hour(rows: list[Latency]) -> pictures.Picture | None:
    """The hours over time; one hour alone is told by its bars."""
    known = [row for row in rows if row.received_to_loaded_p50_seconds is not None]
    if len(known) < 2:
        return None
    worst = max(row.received_to_loaded_p95_seconds or 0 for row in known)
    words = (
        f"From received to loaded, for {len(known)} hours of loads; the worst 95th percentile is {lasting(worst)}."
    )
    return pictures.latency(known, words)


def _stages(found: list[Way]) -> tuple[Bar, ...]:
    """The stages of one hour, from median to 95th percentile on one logarithmic scale."""
    ways = [(name, max(half, _LEAST), max(most or 0, half, _LEAST), note) for name, half, most, note in found]
    low = math.log10(min(half for _, half, _, _ in ways)) - 0.1
    room = math.log10(max(most for _, _, most, _ in ways)) + 0.1 - low
    return tuple(
        Bar(
            name,
            f"{lasting(half)} – {lasting(most)}",  # noqa: RUF001
            math.log10(most / half) / room,
            note,
            (math.log10(half) - low) / room,
        )
        for name, half, most, note in ways
    )


def _ways(hour: Latency, topic: Topic) -> Iterator[Way]:
    """Each stage that is known. What the pipeline takes begins at the topic, where the topic's times can be seen."""
    seconds = hour._asdict() | topic._asdict()
    for name, stage, note in _WAYS:
        half, most = seconds[f"{stage}_p50_seconds"], seconds[f"{stage}_p95_seconds"]
        known_closer = stage == "received_to_ingested" and topic.topic_to_stored_p50_seconds is not None
        if half is not None and not known_closer:
            yield name, half, most, note


def _hours(rows: list[Latency]) -> Table:
    heads = ("hour, UTC", "records", "received to loaded, p50", "p95", "stored to loaded, p95")
    lines = [
        (
            clock(row.loaded_hour),
            counted(row.records),
            lasting(row.received_to_loaded_p50_seconds),
            lasting(row.received_to_loaded_p95_seconds),
            lasting(row.ingested_to_loaded_p95_seconds),
        )
        for row in rows[-24:]
    ]
    return Table("The last hours with loads", heads, lines)


def lateness(select: Select, *, staged: bool) -> Figure:
    """How long after they happened events were received."""
    title = "How late events come"
    reading = (
        "Each bar counts the events by the time from their happening, by the corrected clock, to their reception. "
        "Each is counted when it happened, however late it comes."
    )
    found: tuple[Answer[Lateness], ...] = (ask(select, "lateness"),) if staged else ()
    counts = {row.late_class: row.events for answer in found for row in answer.rows}
    if not counts:
        nothing = "No events have been counted yet." if staged else f"{UNSEEN}, so it is not known here."
        return Figure("lateness", title, reading, found, nothing=nothing)
    total = sum(counts.values())
    bars = tuple(
        Bar(name, percent(count / total, 1), count / total, f"{counted(count)} events")
        for place, name in enumerate(LATENESS)
        for count in (counts.get(place, 0),)
    )
    return Figure("lateness", title, reading, found, bars=bars)
