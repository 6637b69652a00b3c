"""`ingest quarantine list`, `export` and `replay`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest import __version__
from ingest.cli.options import As, StoreUrl, Warehouse
from ingest.cli.selecting import OfPartition, OfReason, OfTopic, Since, Until, instant
from ingest.cli.wiring import settings_of, store_of
from ingest.console import Output, leave, note, print_result, print_table, progress
from ingest.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.quarantine import Group, Selection
    from ingest.settings import Settings

app = typer.Typer(
    help="Records that are no events: count them, export their bytes, decode them again after a fix.",
    no_args_is_help=True,
)


class By(StrEnum):
    """What a line of the list stands for, beside the reason."""

    TOPIC = "topic"
    PARTITION = "partition"


@app.command("list", short_help="Count them by reason and topic, or partition.")
def list_groups(
    reason: OfReason = None,
    topic: OfTopic = None,
    partition: OfPartition = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[By, typer.Option(help="What a line stands for, beside the reason.")] = By.TOPIC,
    limit: Annotated[int, typer.Option(min=1, help="Lines at the most; the largest come first.")] = 20,
    warehouse: Warehouse = None,
    output: As = Output.TEXT,
) -> None:
    """Count quarantined records in the warehouse by reason and topic, open and recovered ones; the most come first.

    Examples: ingest quarantine list --reason missing --since 2026-01-31; ingest quarantine list --by partition
    """
    from ingest.quarantine import groups

    selection = _selection(reason, topic, partition, since, until)
    found = groups(_warehouse(_settings(None, warehouse)), selection, by_partition=by is By.PARTITION)
    totals = {
        "quarantined": sum(group.quarantined for group in found),
        "recovered": sum(group.recovered for group in found),
    }
    lines = [_line(group) for group in found[:limit]]
    if output is Output.JSON:
        print_result(totals | {"groups": lines, "groups_left_out": len(found) - len(lines)}, output)
        return
    print_result(totals, output)
    print_table(lines)
    if len(found) > limit:
        note(f"{len(found) - limit} smaller groups are left out: --limit {len(found)}")


@app.command(short_help="Write their bytes as NDJSON.")
def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to; a file that is there is not overwritten. [stdout]")
    ] = None,
    reason: OfReason = None,
    topic: OfTopic = None,
    partition: OfPartition = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Records at the most. [all]")] = None,
    warehouse: Warehouse = None,
    output: As = Output.TEXT,
) -> None:
    """Write open quarantined records as NDJSON: reason, coordinates and the bytes as they were produced.

    The bytes may hold personal data. A file is made readable for its owner alone.

    Example: ingest quarantine export broken.ndjson --reason not_json
    """
    from ingest.quarantine import export as lines_of

    selection = _selection(reason, topic, partition, since, until)
    lines = lines_of(_warehouse(_settings(None, warehouse)), selection, limit)
    note("these are bytes as learners' clients sent them: treat them as personal data")
    if file is None:
        for line in lines:
            typer.echo(line)
        return
    print_result({"records": _write(file, lines), "file": str(file)}, output)


@app.command(short_help="Decode them again, after a fix.")
def replay(
    reason: OfReason = None,
    topic: OfTopic = None,
    partition: OfPartition = None,
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be recovered.")] = False,
    from_objects: Annotated[
        bool, typer.Option("--from-objects", help="Look in every object of the store, and not into the warehouse.")
    ] = False,
    store: StoreUrl = None,
    warehouse: Warehouse = None,
    max_record_bytes: Annotated[
        int | None, typer.Option(min=1, help="A larger record stays. [MAX_RECORD_BYTES: 1048576]")
    ] = None,
    output: As = Output.TEXT,
) -> None:
    """Decode open quarantined records again, with this version and its settings; store those that are events now.

    They become objects of their own below _recovered/, which `ingest load` brings into the warehouse; dbt then counts
    them in place of the quarantined rows. Run it as often as you like: no record is recovered twice. Objects that
    can't be read give exit code 1.

    Example: MAX_RECORD_BYTES=4194304 ingest quarantine replay --reason too_large
    """
    from ingest.objects import settings_text
    from ingest.quarantine import origins
    from ingest.recovery import Judge, Recovery, keys_with_quarantined

    settings = _settings(store, warehouse, max_record_bytes)
    selection = _selection(reason, topic, partition, since, until)
    limit = settings.max_record_bytes
    judge = Judge(limit, __version__, settings_text({"max-record-bytes": str(limit)}))
    place = store_of(settings)
    if from_objects:
        keys: Iterable[str] = keys_with_quarantined(place, selection)
    else:
        keys = [one.key for one in origins(_warehouse(settings), selection)]
    recovery = Recovery(place, judge, selection, not dry_run, settings.parquet_compression)
    with progress("objects", None) as show:
        summary = recovery.run(keys, _Teller(show))
    print_result(asdict(summary) | {"still_quarantined": _most_first(summary.still_quarantined)}, output)
    if summary.recovered and output is Output.TEXT:
        note("nothing was stored: leave out --dry-run" if dry_run else "next: ingest load, then make dbt")
    leave(1 if summary.failed else 0)


class _Teller:
    """Logs what becomes of each object, and shows how many there were."""

    def __init__(self, show: Any) -> None:
        import structlog

        self._show, self._seen = show, 0
        self._log = structlog.get_logger("ingest.quarantine")

    def __call__(self, outcome: Any) -> None:
        self._seen += 1
        self._show(self._seen)
        log = self._log
        if outcome.problem:
            log.error("object_not_recovered", key=outcome.key, error=outcome.problem)
        elif outcome.put:
            log.info("records_recovered", key=outcome.put, records=outcome.recovered, source=outcome.key)


def _settings(store: str | None, warehouse: Path | None, max_record_bytes: int | None = None) -> Settings:
    path = str(warehouse) if warehouse else None
    return settings_of({"ingest_store": store, "duckdb_path": path, "max_record_bytes": max_record_bytes})


def _warehouse(settings: Settings) -> Path:
    return Path(settings.duckdb_path)


def _line(group: Group) -> dict[str, Any]:
    told = group._asdict() | {"first_seen": _time(group.first_seen), "last_seen": _time(group.last_seen)}
    return {name: value for name, value in told.items() if value is not None}


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _time(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _selection(
    reason: str | None, topic: str | None, partition: int | None, since: str | None, until: str | None
) -> Selection:
    from ingest.quarantine import Selection

    return Selection(reason, topic, partition, instant("--since", since), instant("--until", until))


def _write(file: Path, lines: Iterable[str]) -> int:
    """Write a new file that its owner alone can read; answers how many lines. Leaves none behind if it fails."""
    count = 0
    try:
        with open(file, "x", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            for line in lines:
                out.write(line + "\n")
                count += 1
    except FileExistsError as error:
        raise InputError(f"{file} is there already", "Name another file, or remove this one.") from error
    except OSError as error:
        file.unlink(missing_ok=True)
        raise InputError(f"{file} can't be written ({error.strerror})", "Name another file.") from error
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return count
