"""`ingest verify`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.asking import Part, addresses, chosen, folder_of, holdings_of, left_out_of, marks_of
from ingest.cli.columns import figure, table
from ingest.cli.options import As, Bootstrap, KafkaConfig, StoreUrl, Topic, Warehouse
from ingest.cli.retention_site import retention_of
from ingest.cli.wiring import SystemClock, client_of, pairs, store_of
from ingest.console import DIFFERS, Output, leave, note, progress
from ingest.errors import DependencyError

if TYPE_CHECKING:
    from ingest.discrepancies import Discrepancy
    from ingest.examination import Account
    from ingest.settings import Settings
    from ingest.verify import Report

_SHOWN = 10  # discrepancies of a kind, for people; JSON has all
_WIDTH = 100
_HEADS = (
    "part",
    "objects",
    "records",
    "quaran-\ntined",
    "holes",
    "lost",
    "next",
    "broker\nend",
    "behind",
    "loaded\nrows",
    "verdict",
)


def verify(
    store: StoreUrl = None,
    warehouse: Warehouse = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="Records not stored and objects not loaded are wrong, too.")
    ] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every object: its bytes and its rows.")] = False,
    without: Annotated[list[Part] | None, typer.Option(help="Leave it out; repeatable.")] = None,
    topic: Topic = None,
    bootstrap_servers: Bootstrap = None,
    kafka_config: KafkaConfig = None,
    output: As = Output.TEXT,
) -> None:
    """Hold broker, objects, load history and raw rows against each other; name every discrepancy.

    Exit code 4 if there is one, 3 if the broker or the warehouse could not be asked. The pipeline may run
    meanwhile. The warehouse is Snowflake where SNOWFLAKE_ACCOUNT is set, unless --warehouse names a DuckDB
    file. Objects are listed, and each is asked for its metadata; none is read without --deep.

    Example: ingest verify --store data/objects --without broker
    """
    from ingest.verify import verify as run

    settings, left_out = chosen(store, warehouse, topic, bootstrap_servers), left_out_of(without)
    folder_of(settings)
    with ExitStack() as stack:
        sources = _sources(settings, pairs(kafka_config), left_out, warehouse, stack)
        show = stack.enter_context(progress("objects", None))
        retention = retention_of(settings)
        report = run(sources, SystemClock().now, show, complete=complete, deep=deep, retention=retention)
    left_out |= {name: str(error) for name, error in report.away.items()}
    where = addresses(settings, warehouse)
    if output is Output.JSON:
        typer.echo(json.dumps(_result(report, where, left_out, deep=deep)))
    else:
        for line in _lines(report, where, left_out, deep=deep):
            typer.echo(line)
    for error in report.away.values():
        note(f"error: {error}\nnext:  {error.remedy} Or leave it out: --without.")
    leave(DIFFERS if not report.sound else DependencyError.exit_code if report.away else 0)


def _sources(
    settings: Settings, properties: Mapping[str, str], left_out: dict[str, str], named: Path | None, stack: ExitStack
) -> Any:
    from ingest.verify import Sources

    marks = holdings = None
    if Part.BROKER not in left_out:
        marks = stack.enter_context(marks_of(settings, client_of(settings, properties)))
    if Part.WAREHOUSE not in left_out:
        holdings = holdings_of(settings, named)
        if holdings is None:
            left_out[Part.WAREHOUSE] = f"there is no {settings.duckdb_path}"
    return Sources(store_of(settings), marks, holdings)


# --- for programs --------------------------------------------------------------------------------------


def _result(report: Report, where: Mapping[str, str], left_out: Mapping[str, str], *, deep: bool) -> dict[str, Any]:
    return {
        "sound": report.sound,
        "compared": {part: address for part, address in where.items() if part not in left_out},
        "not_compared": dict(left_out),
        "deep": deep,
        "objects": report.objects,
        "other_objects": report.others,
        "foreign_keys": report.foreign,
        "partitions": [_partition(account) for account in report.accounts],
        "discrepancies": [one.to_json() for one in report.discrepancies],
    }


def _partition(account: Account) -> dict[str, Any]:
    chain, walk, end = account.chain, account.walk, account.end
    return {
        "topic": chain.topic,
        "topic_id": chain.topic_id,
        "partition": chain.partition,
        "objects": walk.objects,
        "records": walk.records,
        "quarantined": walk.quarantined,
        "holes": walk.holes,
        "lost": [[one.start, one.next] for one in walk.lost],
        "first_offset": walk.began,
        "next": walk.next,
        "broker_start": account.mark.bounds.start if account.mark and end else None,
        "broker_end": end.offset if end else None,
        "behind": end.behind if end else None,
        "loaded_objects": account.loaded,
        "waiting_objects": account.waiting,
        "loaded_rows": account.rows,
        "expired_offsets": account.expired_offsets,
        "expired_objects": account.expired_objects,
        "expired_rows": account.expired_rows,
        "discrepancies": account.wrong,
    }


# --- for people ----------------------------------------------------------------------------------------


def _lines(report: Report, where: Mapping[str, str], left_out: Mapping[str, str], *, deep: bool) -> Iterator[str]:
    for part, address in where.items():
        yield f"{part:10} {'NOT COMPARED: ' + left_out[part] if part in left_out else address}"
    for (topic, topic_id), accounts in _by_topic(report.accounts).items():
        yield f"\n{topic}  (topic id {topic_id}{_incarnation(accounts, left_out)})"
        yield from table(_HEADS, [_row(account, left_out) for account in accounts])
    yield ""
    yield from _remarks(report, deep=deep)
    yield from _named(report.discrepancies)


def _by_topic(accounts: Iterable[Account]) -> dict[tuple[str, str], list[Account]]:
    found: dict[tuple[str, str], list[Account]] = {}
    for account in accounts:
        found.setdefault((account.chain.topic, account.chain.topic_id), []).append(account)
    return found


def _incarnation(accounts: Iterable[Account], left_out: Mapping[str, str]) -> str:
    if Part.BROKER in left_out or any(account.end for account in accounts):
        return ""
    return ", not compared with the broker: another topic or incarnation"


def _row(account: Account, left_out: Mapping[str, str]) -> list[str]:
    walk, end = account.walk, account.end
    return [
        str(account.chain.partition),
        figure(walk.objects),
        figure(walk.records),
        figure(walk.quarantined),
        figure(walk.holes),
        figure(sum(map(len, walk.lost))),
        figure(walk.next),
        figure(end.offset if end else None),
        figure(end.behind if end else None),
        figure(None if Part.WAREHOUSE in left_out else account.rows),
        f"{account.wrong:,} wrong" if account.wrong else "sound",
    ]


def _remarks(report: Report, *, deep: bool) -> Iterator[str]:
    """What is worth knowing and not wrong, and the verdict."""
    waiting = sum(account.waiting for account in report.accounts)
    if waiting:
        yield f"{waiting:,} objects wait to be loaded: ingest load"
    yield from _expired(report)
    if report.foreign:
        yield f"{report.foreign:,} keys of the store are none of ours, and were left alone"
    looked = f"{report.objects:,} objects, " + ("read and checked byte for byte" if deep else "by their metadata")
    if report.sound:
        yield f"Sound: {looked}." + " But not all was compared, see above." * bool(report.away)
    else:
        yield f"NOT SOUND: {len(report.discrepancies):,} discrepancies in {looked}."


def _expired(report: Report) -> Iterator[str]:
    """What retention took, by chain."""
    for one in report.accounts:
        if one.expired_offsets or one.expired_objects or one.expired_rows:
            chain = f"{one.chain.topic}[{one.chain.partition}]"
            what = f"{one.expired_objects:,} known objects, {one.expired_rows:,} raw rows"
            yield f"retention took {one.expired_offsets:,} offsets of {chain}: {what}"


def _named(found: Iterable[Discrepancy]) -> Iterator[str]:
    kinds: dict[str, list[Discrepancy]] = {}
    for one in found:
        kinds.setdefault(one.kind.value, []).append(one)
    for kind, several in kinds.items():
        yield f"\n{kind} ({len(several):,})"
        for one in several[:_SHOWN]:
            yield from _wrapped("  ", f"{_place(one)}{one.what}")
            if one.key:
                yield f"    {one.key}"
        if len(several) > _SHOWN:
            yield f"  … and {len(several) - _SHOWN:,} more: --output json has all"
        yield from _wrapped("  next: ", several[0].remedy)


def _place(one: Discrepancy) -> str:
    if one.chain is None:
        return ""
    return f"{one.chain.topic}[{one.chain.partition}]{f' {one.offsets}' if one.offsets else ''}: "


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(head + text, _WIDTH, subsequent_indent=" " * len(head), break_long_words=False)
