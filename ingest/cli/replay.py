"""`ingest replay`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest import __version__
from ingest.cli.options import As, StoreUrl, Warehouse
from ingest.cli.selecting import Since, Until, instant
from ingest.cli.wiring import SystemClock, settings_of, store_of
from ingest.console import Output, note, print_result, progress
from ingest.errors import SettingsError

if TYPE_CHECKING:
    from ingest.chain import Store
    from ingest.excerpt import Bounds, Part
    from ingest.replay import ReplaySummary, Target
    from ingest.settings import Settings


def replay(
    to: Annotated[str | None, typer.Option(help="Where to: s3://bucket/prefix or a folder, not the source.")] = None,
    to_table: Annotated[
        str | None, typer.Option(help="Where to: a table of the warehouse, like raw.replayed.")
    ] = None,
    from_offset: Annotated[int | None, typer.Option(min=0, help="From this offset on, of one partition.")] = None,
    to_offset: Annotated[int | None, typer.Option(min=1, help="… and before this one.")] = None,
    since: Since = None,
    until: Until = None,
    topic: Annotated[str | None, typer.Option(help="The topic. [KAFKA_TOPIC_EVENTS_RAW: events_raw]")] = None,
    partition: Annotated[list[int] | None, typer.Option(min=0, help="A partition; repeatable. [all]")] = None,
    topic_id: Annotated[
        str | None, typer.Option(help="Which incarnation of the topic, as its key names it. [all]")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; otherwise only tell what would be done.")] = False,
    store: StoreUrl = None,
    warehouse: Warehouse = None,
    max_record_bytes: Annotated[
        int | None, typer.Option(min=1, help="A larger quarantined record stays. [MAX_RECORD_BYTES: 1048576]")
    ] = None,
    output: As = Output.TEXT,
) -> None:
    """Bring an offset or time range of a topic again, out of its objects, to another prefix or into a table.

    To a prefix go whole objects, to a table exactly the records of the range. Quarantined records are decoded again
    on the way. Without --apply nothing is written. Run it again after an interruption: nothing is brought twice.

    Example: ingest replay --since 2026-01-31 --until 2026-02-01 --to-table raw.replayed --apply
    """
    from ingest.excerpt import Bounds, chains_in, choose, end_of, excerpt

    if (to is None) == (to_table is None):
        raise SettingsError("give either --to or --to-table", "See ingest replay --help.")
    path = str(warehouse) if warehouse else None
    settings = settings_of(
        {
            "ingest_store": store,
            "duckdb_path": path,
            "max_record_bytes": max_record_bytes,
            "kafka_topic_events_raw": topic,
        }
    )
    bounds = Bounds(from_offset, to_offset, instant("--since", since), instant("--until", until))
    source = store_of(settings)
    found = {chain: entries for name in settings.topics for chain, entries in chains_in(source, name).items()}
    chosen = choose(found, topic_id, partition or (), bounds)
    parts = [part for entries in chosen.values() for part in excerpt(source, entries, bounds)]
    result = _plan(parts, whole=to is not None)
    for entries in () if parts else chosen.values():
        note(f"no records there: {end_of(source, entries)}")
    if to is not None:
        result |= _into_store(settings, source, to, parts, apply=apply)
    elif to_table is not None:
        result |= _into_table(settings, source, to_table, parts, bounds, apply=apply)
    print_result(result | {"applied": apply} if output is Output.JSON else result, output)
    if not apply:
        note("nothing was written: add --apply")


def _plan(parts: Sequence[Part], *, whole: bool) -> dict[str, Any]:
    """What an excerpt is made of; with `whole`, the records of its objects outside the bounds count too."""
    ranges: dict[str, tuple[int, int]] = {}
    for part in parts:
        first, _ = ranges.get(str(part.said.chain), (part.said.range.start, 0))
        ranges[str(part.said.chain)] = (first, part.said.range.next)
    return {
        "objects": len(parts),
        "records": sum(part.said.records if whole else part.records for part in parts),
        "bytes": sum(part.size for part in parts),
        "holding_quarantined": sum(part.said.quarantined > 0 for part in parts),
        "covering": [f"{chain} [{first}, {end})" for chain, (first, end) in ranges.items()],
    }


def _into_store(settings: Settings, source: Store, url: str, parts: Sequence[Part], *, apply: bool) -> dict[str, Any]:
    from ingest.objects import Encoder
    from ingest.probe import probe
    from ingest.replay import ToStore, check_apart

    place = url if "://" in url else str(Path(url).expanduser().resolve())
    target = store_of(settings.model_copy(update={"ingest_store": place}))
    check_apart(source.url if "://" in source.url else str(Path(source.url).resolve()), target.url)
    if not apply:
        there = {entry.key for entry in target.list()}
        return {"present": sum(part.key in there for part in parts), "to": target.url}
    probe(target)
    encoder = Encoder(__version__, uuid.uuid4().hex, settings.parquet_compression)
    return _done(_run(parts, ToStore(source, target, _judge(settings), encoder))) | {"to": target.url}


def _into_table(
    settings: Settings, source: Store, table: str, parts: Sequence[Part], bounds: Bounds, *, apply: bool
) -> dict[str, Any]:
    from ingest.replay import ToTable
    from ingest.tables import check_table
    from ingest.warehouse import DuckDbWarehouse

    check_table(table)
    into = {"to": f"{table} of {settings.duckdb_path}"}
    if not apply:
        return into
    with DuckDbWarehouse(Path(settings.duckdb_path), SystemClock().now) as warehouse:
        return _done(_run(parts, ToTable(source, warehouse, table, bounds, _judge(settings)))) | into


def _judge(settings: Settings) -> Any:
    from ingest.objects import settings_text
    from ingest.recovery import Judge

    limit = settings.max_record_bytes
    return Judge(limit, __version__, settings_text({"max-record-bytes": str(limit)}))


def _run(parts: Sequence[Part], target: Target) -> ReplaySummary:
    import structlog

    from ingest.replay import Result
    from ingest.replay import replay as run

    log = structlog.get_logger("ingest.replay")
    seen = 0

    def on_progress(result: Result) -> None:
        nonlocal seen
        seen += 1
        show(seen)
        log.info("object_replayed", key=result.part.key, records=result.records, mended=result.mended)

    with progress("objects", len(parts)) as show:
        return run(parts, target, on_progress)


def _done(summary: ReplaySummary) -> dict[str, Any]:
    return {f"brought_{name}" if name != "present" else name: value for name, value in asdict(summary).items()}
