"""`ingest produce`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ingest.cli.bridging import Format, check, send_mapped
from ingest.cli.options import As, Bootstrap, KafkaConfig, Topic
from ingest.cli.wiring import SystemClock, client_of, pairs, settings_of
from ingest.console import Output, leave, print_result, progress
from ingest.errors import SettingsError

_NOT_ALL: Final = 1  #: finished, and some records are no events


def produce(
    source: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="NDJSON, one event a line; - is standard input.")
    ] = None,
    kind: Annotated[
        Format, typer.Option("--format", help="What FILE holds: our events, xAPI statements or Caliper events.")
    ] = Format.EVENTS,
    rejects: Annotated[
        Path | None,
        typer.Option(help="Add what can't be mapped to this file. [to the topic, as it is, to be quarantined]"),
    ] = None,
    synthetic: Annotated[int | None, typer.Option(min=1, help="Make so many records of synthetic learners.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and --start give the same records.")] = 1,
    start: Annotated[
        datetime | None, typer.Option(help="When the synthetic events begin (UTC). [midnight two days ago]")
    ] = None,
    duplicates: Annotated[float | None, typer.Option(min=0, max=1, help="Share of re-sent events.")] = None,
    conflicts: Annotated[float | None, typer.Option(min=0, max=1, help="Share re-sent with other contents.")] = None,
    late: Annotated[float | None, typer.Option(min=0, max=1, help="Share received hours or weeks late.")] = None,
    skewed: Annotated[float | None, typer.Option(min=0, max=1, help="Share of visits with a wrong clock.")] = None,
    malformed: Annotated[float | None, typer.Option(min=0, max=1, help="Share that is no valid event.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Write the truth about what was made to this file.")] = None,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the topic, if it has to be created.")] = 4,
    topic: Topic = None,
    bootstrap_servers: Bootstrap = None,
    kafka_config: KafkaConfig = None,
    output: As = Output.TEXT,
) -> None:
    """Send events to the topic: NDJSON as it stands, xAPI or Caliper mapped to events, or synthetic learners.

    Lines of our events are sent byte for byte, malformed ones too: judging is the consumer's job. A file that begins
    with a lone { or [ is a document and no lines: nothing of it is sent. Of xAPI and
    Caliper, a line holds one record or several; an array or a result over many lines is read as well. Exit code 1 if
    any record could not be mapped.

    Examples: ingest produce events.ndjson; ingest produce --format xapi statements.json --rejects rejects.ndjson;
    ingest produce --synthetic 100000 --truth truth.json
    """
    if (source is None) == (synthetic is None):
        raise SettingsError("produce takes either a FILE or --synthetic N", "For example: ingest produce -")
    check(kind, source, rejects)
    settings = settings_of({"kafka_topic_events_raw": topic, "kafka_bootstrap_servers": bootstrap_servers})
    client = client_of(settings, pairs(kafka_config))
    if kind is not Format.EVENTS:
        result = send_mapped(
            kind, str(source), rejects, lambda made: _produce(client, settings.topic, made, partitions, None)
        )
    elif synthetic is None:
        result = _produce_lines(client, settings.topic, str(source), partitions)
    else:
        shares = {
            "duplicates": duplicates,
            "conflicts": conflicts,
            "late": late,
            "skewed": skewed,
            "malformed": malformed,
        }
        options = {name: share for name, share in shares.items() if share is not None}
        made = _synthetic(seed, synthetic, start, options, truth)
        result = _produce(client, settings.topic, made, partitions, synthetic)
    print_result(result, output)
    if result.get("rejected"):
        leave(_NOT_ALL)


def _produce(
    client: Mapping[str, Any], topic: str, records: Iterable[Any], partitions: int, expected: int | None
) -> dict[str, Any]:
    from ingest.kafka import Producer, ensure_topic
    from ingest.produce import produce as send

    ensure_topic(client, topic, partitions, timeout=30)
    with Producer(client, topic) as producer, progress("records", expected) as show:
        produced = send(records, producer, lambda so_far: show(so_far.records))
    rate = produced.records / produced.seconds if produced.seconds else 0
    return {
        "topic": topic,
        "records": produced.records,
        "bytes": produced.bytes,
        "seconds": round(produced.seconds, 2),
        "records_per_second": round(rate),
    }


def _produce_lines(client: Mapping[str, Any], topic: str, path: str, partitions: int) -> dict[str, Any]:
    from ingest.produce import Lines, of_lines, open_ndjson, read_ndjson

    lines = Lines()
    with open_ndjson(path, sys.stdin.buffer) as stream:
        result = _produce(client, topic, of_lines(read_ndjson(stream, lines)), partitions, None)
    return result | {"without_key": lines.keyless, "empty_lines_skipped": lines.empty}


def _synthetic(
    seed: int, count: int, start: datetime | None, shares: Mapping[str, float], truth_path: Path | None
) -> Iterator[Any]:
    from ingest.learners import generate
    from ingest.scenario import Options, Truth

    midnight = SystemClock().now().replace(hour=0, minute=0, second=0, microsecond=0)
    begin = (start or midnight - timedelta(days=2)).replace(tzinfo=UTC)
    truth = Truth()
    options = replace(Options(start_ms=int(begin.timestamp() * 1000)), **shares)  # type: ignore[arg-type]
    yield from generate(seed, count, options, truth)
    if truth_path:
        truth_path.parent.mkdir(parents=True, exist_ok=True)
        truth_path.write_bytes(truth.to_json())
