"""The report's figures on the pipeline itself: what became of every record, and the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.report_figures import NOTHING, Bar, Figure, Table, clock, counted, lasting, percent
from ingest.report_questions import Answer, ask
from ingest.report_rows import Account, Quarantine, Run, Stage

if TYPE_CHECKING:
    from ingest.report_questions import Select

_RUNS: Final = 12


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
    heads = ("stage", "state", "started, UTC", "took", "records", "why it failed")
    table = Table(f"The last {len(found.rows)} runs", heads, [_run(run) for run in found.rows], texts=3)
    return Figure("runs", title, reading, answers, facts, table=table, open_table=True)


def _ended(stage: Stage) -> str:
    trouble = [f"{count} {word}" for count, word in ((stage.failed, "failed"), (stage.silent, "silent")) if count]
    return counted(stage.runs) + (f", of these {' and '.join(trouble)}" if trouble else "")


def _run(run: Run) -> tuple[str, ...]:
    took = lasting((run.completed_at - run.started_at).total_seconds()) if run.completed_at else NOTHING
    return (
        run.job_type,
        run.state,
        clock(run.started_at),
        took,
        counted(run.records_processed),
        run.error_message or "",
    )
