"""The report's figures on the pipeline itself: what became of every record, how long it took, and the runs."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest import report_pictures as pictures
from ingest.report_figures import NOTHING, Bar, Figure, Table, clock, counted, lasting, percent
from ingest.report_questions import Answer, ask
from ingest.report_rows import Account, Latency, Quarantine, Run, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.report_questions import Select

_HOURS: Final = timedelta(days=14)
_RUNS: Final = 12
_LEAST: Final = 0.01  # seconds: a logarithm has no 0


def balances(account: Account) -> bool:
    """Whether every record that was loaded is an event, a duplicate, or in quarantine."""
    classes = (account.events or 0) + (account.duplicates or 0) + (account.quarantined or 0)
    return (account.loaded or 0) == classes


def difference(account: Account) -> str:
    """What the consumers' count says beside that of the loads."""
    stored, loaded = account.stored or 0, account.loaded or 0
    if stored == loaded:
        return "as many as were loaded"
    if stored > loaded:
        return f"{counted(stored - loaded)} are not loaded yet, or past their retention"
    return f"{counted(loaded - stored)} fewer than were loaded: a run that goes on tells its count once an hour"


def quarantine(select: Select, account: Account) -> Figure:
    """Why records are no valid events."""
    found: Answer[Quarantine] = ask(select, "quarantine")
    counts = {reason: count or 0 for reason, count in found.rows[0]._asdict().items()}
    all_of_them = sum(counts.values())
    reading = (
        "Each bar counts the records that are no valid event for one reason. Their bytes are kept, and can be "
        "replayed after a fix."
    )
    facts = (
        ("in quarantine", counted(all_of_them)),
        ("of all records", percent(all_of_them / account.loaded if account.loaded else None, 2)),
    )
    bars = tuple(
        Bar(reason.replace("_", " "), counted(count), count / max(counts.values()))
        for reason, count in sorted(counts.items(), key=lambda one: -one[1])
        if count
    )
    nothing = "No record is in quarantine." if account.loaded else "No records have been loaded yet."
    return Figure("quarantine", "Quarantine by reason", reading, (found,), facts, bars=bars, nothing=nothing)


def latency(select: Select, last: datetime | None) -> Figure:
    """How long records were on their way, in the last hour and over two weeks."""
    found: Answer[Latency] = ask(select, "latency", after=last - _HOURS if last else datetime.min)
    title = "How long records are on their way"
    reading = (
        "Each bar reaches from the median to the 95th percentile, on a logarithmic scale: equal distances "
        "are equal factors. A backlog that is read after an outage shows in the hour in which it is loaded."
    )
    if not found.rows:
        return Figure("latency", title, reading, (found,), nothing="No records have been loaded yet.")
    hour = found.rows[-1]
    facts = (
        ("latest hour, UTC", clock(hour.loaded_hour)),
        ("records loaded in it", counted(hour.records)),
        ("median, received to loaded", lasting(hour.received_to_loaded_p50_seconds)),
        ("95th percentile", lasting(hour.received_to_loaded_p95_seconds)),
    )
    picture = _by_hour(found.rows)
    return Figure(
        "latency", title, reading, (found,), facts, picture=picture, bars=_stages(hour), table=_hours(found.rows)
    )


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


def _stages(hour: Latency) -> tuple[Bar, ...]:
    """The stages of one hour, from median to 95th percentile on one logarithmic scale."""
    ways = [(name, max(half, _LEAST), max(most or 0, half, _LEAST), note) for name, half, most, note in _ways(hour)]
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


def _ways(hour: Latency) -> Iterator[tuple[str, float, float | None, str]]:
    """Each stage with its median and its 95th percentile, where they are known."""
    if hour.received_to_ingested_p50_seconds is not None:
        half, most = hour.received_to_ingested_p50_seconds, hour.received_to_ingested_p95_seconds
        yield "received to stored", half, most, "from the collector or the broker to the consumer"
    half, most = hour.ingested_to_loaded_p50_seconds, hour.ingested_to_loaded_p95_seconds
    yield "stored to loaded", half, most, "from the consumer to the raw table"
    if hour.received_to_loaded_p50_seconds is not None:
        half, most = hour.received_to_loaded_p50_seconds, hour.received_to_loaded_p95_seconds
        yield "received to loaded", half, most, "both together"


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


def runs(select: Select) -> Figure:
    """The last runs of every stage, and how they ended."""
    stages: Answer[Stage] = ask(select, "stages")
    found: Answer[Run] = ask(select, "runs", rows=_RUNS)
    reading = (
        "Each line is a run of a stage: the consumer, a load, dbt, retention. A silent one was killed, or is cut off."
    )
    title, answers = "Runs of the pipeline", (found, stages)
    if not found.rows:
        return Figure("runs", title, reading, answers, nothing="No run has left a record yet.")
    facts = tuple((f"runs of {stage.job_type}", _ended(stage)) for stage in stages.rows)
    heads = ("stage", "state", "started, UTC", "took", "records", "of these bad", "why it failed")
    table = Table(f"The last {len(found.rows)} runs", heads, [_run(run) for run in found.rows], texts=3)
    return Figure("runs", title, reading, answers, facts, table=table, open_table=True)


def _ended(stage: Stage) -> str:
    trouble = [f"{count} {word}" for count, word in ((stage.failed, "failed"), (stage.silent, "silent")) if count]
    return counted(stage.runs) + (f", of these {' and '.join(trouble)}" if trouble else "")


def _run(run: Run) -> tuple[str, ...]:
    took = lasting((run.completed_at - run.started_at).total_seconds()) if run.completed_at else NOTHING
    figures = (counted(run.records_processed), counted(run.records_failed))
    return (run.job_type, run.state, clock(run.started_at), took, *figures, run.error_message or "")
