"""`ingest status`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.asking import Part, addresses, chosen, left_out_of, marks_of, warehouse_of, when_free
from ingest.cli.columns import NOTHING, figure, table
from ingest.cli.options import As, Bootstrap, KafkaConfig, StoreUrl, Topic, Warehouse
from ingest.cli.wiring import SystemClock, client_of, pairs, store_of
from ingest.console import Output, leave, note
from ingest.errors import DependencyError

if TYPE_CHECKING:
    from ingest.jobs import JobRecord
    from ingest.settings import Settings
    from ingest.status import Glance, Look, Standing

_HEADS = (
    "part",
    "objects",
    "next",
    "broker\nend",
    "lag",
    "oldest\nunread",
    "last\nobject",
    "last\nload",
    "waiting",
    "failed",
    "",
)
_RUN_HEADS = ("job", "run", "status", "started", "heard of", "records", "failed", "")
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def status(
    store: StoreUrl = None,
    warehouse: Warehouse = None,
    without: Annotated[list[Part] | None, typer.Option(help="Leave it out; repeatable.")] = None,
    topic: Topic = None,
    bootstrap_servers: Bootstrap = None,
    kafka_config: KafkaConfig = None,
    output: As = Output.TEXT,
) -> None:
    """Show how far the store is behind the broker, and the warehouse behind the store, at a glance.

    Whoever is away is left out and named; exit code 3 only if nobody answered.

    Example: ingest status --store data/objects
    """
    from ingest.status import status as run

    settings, left_out = chosen(store, warehouse, topic, bootstrap_servers), left_out_of(without)
    with ExitStack() as stack:
        glance = run(_look(settings, pairs(kafka_config), left_out, warehouse, stack))
    left_out |= {name: str(error) for name, error in glance.away.items()}
    now, where = SystemClock().now(), addresses(settings)
    if output is Output.JSON:
        typer.echo(json.dumps(_result(glance, where, left_out, now)))
    else:
        for line in _lines(glance, where, left_out, now):
            typer.echo(line)
    nobody = bool(glance.away) and left_out.keys() == where.keys()
    for error in glance.away.values():
        note(f"{'error' if nobody else 'away'}: {error}\nnext:  {error.remedy}")
    leave(DependencyError.exit_code if nobody else 0)


def _look(
    settings: Settings, properties: Mapping[str, str], left_out: dict[str, str], named: Path | None, stack: ExitStack
) -> Look:
    from ingest.holdings import read_history
    from ingest.runs import runs_in_warehouse
    from ingest.status import Look

    marks = None
    if Part.BROKER not in left_out:
        marks = stack.enter_context(marks_of(settings, client_of(settings, properties)))
    path = None if Part.WAREHOUSE in left_out else warehouse_of(settings, named)
    if path is None:
        left_out.setdefault(Part.WAREHOUSE.value, f"there is no {settings.duckdb_path}")
        return Look(store_of(settings), marks, None, None)
    warehouse = path
    return Look(
        store_of(settings),
        marks,
        lambda: when_free(lambda: read_history(warehouse)),
        lambda: when_free(lambda: runs_in_warehouse(warehouse)),
    )


# --- for programs --------------------------------------------------------------------------------------


def _result(glance: Glance, where: Mapping[str, str], left_out: Mapping[str, str], now: datetime) -> dict[str, Any]:
    return {
        "asked": {part: address for part, address in where.items() if part not in left_out},
        "not_asked": dict(left_out),
        "lag": _sum(one.end.behind if one.end else None for one in glance.standings),
        "waiting_objects": _sum(one.waiting for one in glance.standings),
        "failed_loads": _sum(one.failed for one in glance.standings),
        "partitions": [_partition(one) for one in glance.standings],
        "runs": [_run(one, now) for one in glance.runs],
    }


def _partition(one: Standing) -> dict[str, Any]:
    committed = one.mark.committed if one.mark else None
    return {
        "topic": one.chain.topic,
        "topic_id": one.chain.topic_id,
        "partition": one.chain.partition,
        "objects": one.objects,
        "next": one.next,
        "broker_start": one.mark.bounds.start if one.mark else None,
        "broker_end": _end(one),
        "committed": committed.offset if committed else None,
        "lag": one.end.behind if one.end else None,
        "oldest_unread_at": _iso(_unread_at(one)),
        "last_object": one.last_object,
        "last_object_at": _iso(one.taken_in_at),
        "last_load_at": _iso(one.last_load_at),
        "waiting_objects": one.waiting,
        "oldest_waiting_object": one.oldest_waiting,
        "oldest_waiting_at": _iso(one.waiting_since),
        "failed_loads": one.failed,
    }


def _run(record: JobRecord, now: datetime) -> dict[str, Any]:
    return {
        "job": record.job_type,
        "run": record.job_id,
        "status": _state(record, now),
        "started_at": _iso(record.started_at),
        "heard_of_at": _iso(record.recorded_at),
        "completed_at": _iso(record.completed_at),
        "records": record.records_processed,
        "records_failed": record.records_failed,
        "error": record.error_message,
    }


def _state(record: JobRecord, now: datetime) -> str:
    from ingest.runs import silent

    return "silent" if silent(record, now) else str(record.status)


def _end(one: Standing) -> int | None:
    return one.end.offset if one.end else one.mark.bounds.next if one.mark else None


def _unread_at(one: Standing) -> datetime | None:
    stamp = one.end.unread.timestamp if one.end and one.end.unread else None
    return None if stamp is None else datetime.fromtimestamp(stamp / 1000, UTC)


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="milliseconds") if time else None


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


# --- for people ----------------------------------------------------------------------------------------


def _lines(glance: Glance, where: Mapping[str, str], left_out: Mapping[str, str], now: datetime) -> Iterator[str]:
    for part, address in where.items():
        why = "NOT REACHED" if part in glance.away else "NOT ASKED"
        yield f"{part:10} {f'{why}: {left_out[part]}' if part in left_out else address}"
    yield ""
    yield from _summary(glance, now)
    today = any(one.mark for one in glance.standings)
    shown = [one for one in glance.standings if one.mark or not today or one.waiting or one.failed]
    for (topic, topic_id), group in groupby(shown, lambda one: (one.chain.topic, one.chain.topic_id)):
        yield f"\n{topic}  (topic id {topic_id})"
        yield from table(_HEADS, [_row(one, now) for one in group])
    if len(shown) < len(glance.standings):
        yield f"\n{len(glance.standings) - len(shown):,} chains of other topics or incarnations are loaded in full"
    if glance.runs:
        yield ""
        yield from table(_RUN_HEADS, [_run_row(one, now) for one in glance.runs])


def _summary(glance: Glance, now: datetime) -> Iterator[str]:
    standings = glance.standings
    lag = _sum(one.end.behind if one.end else None for one in standings)
    if lag is not None:
        oldest = min((at for one in standings if (at := _unread_at(one))), default=None)
        yield f"lag          {lag:,} records" + (
            f"; the oldest unread one is {_age(oldest, now)} old" if oldest else ""
        )
    newest = max((one for one in standings if one.taken_in_at), key=lambda one: str(one.taken_in_at), default=None)
    if newest:
        yield f"last object  {newest.last_object}"
        yield f"             its newest record came in {_age(newest.taken_in_at, now)} ago"
    loads = [one.last_load_at for one in standings if one.last_load_at]
    if loads:
        yield f"last load    {_age(max(loads), now)} ago"
    waiting, failed = _sum(one.waiting for one in standings), _sum(one.failed for one in standings)
    if waiting is not None:
        since = min((one.waiting_since for one in standings if one.waiting_since), default=None)
        yield f"waiting      {waiting:,} objects" + (f"; the first came in {_age(since, now)} ago" if since else "")
    if failed:
        yield f"failed       {failed:,} objects could not be loaded: raw.load_history says why"


def _row(one: Standing, now: datetime) -> list[str]:
    return [
        str(one.chain.partition),
        figure(one.objects),
        figure(one.next),
        figure(_end(one)),
        figure(one.end.behind if one.end else None),
        _age(_unread_at(one), now),
        _age(one.taken_in_at, now),
        _age(one.last_load_at, now),
        figure(one.waiting),
        figure(one.failed),
        "its end can't be read: ingest verify" if one.last_object and one.next is None else "",
    ]


def _run_row(record: JobRecord, now: datetime) -> list[str]:
    return [
        str(record.job_type),
        record.job_id,
        _state(record, now),
        _age(record.started_at, now),
        _age(record.recorded_at, now),
        *_counts(record),
        record.error_message or "",
    ]


def _counts(record: JobRecord) -> list[str]:
    """What the run counted when it was heard of last: a run counts once an hour, and nothing as it starts."""
    from ingest.jobs import Status

    if record.status == Status.RUNNING and not record.records_processed:
        return [NOTHING, NOTHING]
    return [figure(record.records_processed), figure(record.records_failed)]


def _age(time: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that gives a whole number."""
    if time is None:
        return NOTHING
    seconds = max(0, int((now - time).total_seconds()))
    return next((f"{seconds // size} {unit}" for size, unit in _UNITS if seconds >= size), "0 s")
