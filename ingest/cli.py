"""The command line: the composition root. The only reader of the environment and of the clock, the only printer.

Heavy libraries are imported inside the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ingest import __version__
from ingest.errors import IngestError, SettingsError

if TYPE_CHECKING:
    from ingest.chain import Chain, Store
    from ingest.consume import Options, Summary
    from ingest.settings import Settings

app = typer.Typer(
    help="Learner events from a Kafka topic to trusted analytics.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

BatchSize = Annotated[int | None, typer.Option(help="Records of an object at the most. [BATCH_SIZE: 10000]")]
FlushInterval = Annotated[
    float | None,
    typer.Option(help="Seconds after which a smaller batch is flushed. [FLUSH_INTERVAL_SECONDS: 300]"),
]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", help="s3://bucket/prefix or a folder. [INGEST_STORE, or the S3_* settings]"),
]
Topic = Annotated[str | None, typer.Option(help="The topic. [KAFKA_TOPIC_EVENTS_RAW: events_raw]")]
Bootstrap = Annotated[
    str | None, typer.Option("--bootstrap-servers", help="[KAFKA_BOOTSTRAP_SERVERS: localhost:9092]")
]
KafkaConfig = Annotated[
    list[str] | None, typer.Option("--kafka-config", help="A librdkafka property, NAME=VALUE; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Warehouse = Annotated[
    Path | None, typer.Option("--warehouse", help="The DuckDB file. [DUCKDB_PATH: data/warehouse.duckdb]")
]


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> datetime:
        """See `ingest.consume.Clock`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `ingest.consume.Clock`."""
        return time.monotonic()


@app.command()
def consume(
    batch_size: BatchSize = None,
    flush_interval: FlushInterval = None,
    once: Annotated[bool, typer.Option("--once", help="Read to the current end, then leave.")] = False,
    max_records: Annotated[int | None, typer.Option(min=1, help="Stop after exactly so many.")] = None,
    store: StoreUrl = None,
    compression: Annotated[str | None, typer.Option(help="[PARQUET_COMPRESSION: snappy]")] = None,
    topic: Topic = None,
    group: Annotated[str | None, typer.Option(help="[KAFKA_CONSUMER_GROUP: etl-snowflake]")] = None,
    bootstrap_servers: Bootstrap = None,
    kafka_config: KafkaConfig = None,
    as_json: Json = False,
) -> None:
    """Store the topic's records as Parquet objects, each record exactly once.

    Runs until it is stopped (Ctrl-C or SIGTERM: flush, commit, leave the group; a second time: leave at
    once, nothing is lost). With --once or --max-records it ends by itself, with exit code 1 if any record
    was quarantined.

    Example: ingest consume --batch-size 10000 --store data/objects
    """
    flags = {
        "batch_size": batch_size,
        "flush_interval_seconds": flush_interval,
        "ingest_store": store,
        "parquet_compression": compression,
        "kafka_topic_events_raw": topic,
        "kafka_consumer_group": group,
        "kafka_bootstrap_servers": bootstrap_servers,
    }
    settings = _settings(flags)
    summary = _consume(settings, _pairs(kafka_config), once=once, max_records=max_records)
    _print_summary(summary, as_json=as_json)
    if summary.unfinished:
        _note(f"{summary.unfinished} records were read but not stored; they will be read again")
    bounded = once or max_records is not None
    _leave(1 if summary.unfinished or (bounded and summary.quarantined) else 0)


def _consume(settings: Settings, properties: Mapping[str, str], *, once: bool, max_records: int | None) -> Summary:
    from concurrent.futures import ThreadPoolExecutor

    from ingest.consume import Consumer
    from ingest.kafka import client_settings

    # from ingest.probe import probe
    from ingest.source import KafkaSource, consumer_settings

    client = client_settings(settings.kafka_bootstrap_servers, settings.kafka_properties() | dict(properties))
    store = _open_store(settings)
    # probe(store)
    conf = consumer_settings(client, settings.kafka_consumer_group, properties)
    topic = settings.kafka_topic_events_raw
    with _stopping() as stop:
        consumer = Consumer(
            lambda listener: KafkaSource(conf, topic, listener),
            _chains(settings, client, store),
            _options(settings, once=once, max_records=max_records),
            SystemClock(),
            stop,
            ThreadPoolExecutor(settings.put_concurrency, thread_name_prefix="put"),
        )
        return consumer.run()


def _chains(settings: Settings, client: Mapping[str, Any], store: Store) -> Any:
    from ingest.chain import Chain
    from ingest.kafka import topic_id
    from ingest.objects import ChainId, Encoder
    from ingest.records import Partition

    topic = settings.kafka_topic_events_raw
    identity = topic_id(client, topic, timeout=30) or settings.kafka_topic_generation or topic
    encode = Encoder(__version__, uuid.uuid4().hex, settings.parquet_compression)

    def chain_of(partition: Partition) -> Chain:
        return Chain(store, ChainId(topic, identity, partition.number), encode)

    return chain_of


def _options(settings: Settings, *, once: bool, max_records: int | None) -> Options:
    from ingest.batch import Limits
    from ingest.consume import Options

    limits = Limits(settings.batch_size, settings.max_batch_bytes, settings.flush_interval_seconds)
    return Options(
        limits,
        settings.max_record_bytes,
        settings.max_buffer_bytes,
        once,
        max_records,
        settings.shutdown_grace_seconds,
    )


def _print_summary(summary: Summary, *, as_json: bool) -> None:
    result = {
        "records": summary.records,
        "valid": summary.records - summary.quarantined,
        "quarantined": summary.quarantined,
        "quarantined_by_reason": dict(sorted(summary.reasons.items())),
        "objects": summary.objects,
        "bytes": summary.nbytes,
        "flushes_by_reason": dict(sorted(summary.due.items())),
        "conflicts": summary.conflicts,
        "retries": summary.retries,
        "lost": [f"{partition} {lost}" for partition, lost in summary.lost],
        "unfinished": summary.unfinished,
    }
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, value in result.items():
        if text := _plain(value):
            typer.echo(f"{name.replace('_', ' '):22} {text}")


def _plain(value: Any) -> str:
    """A result's value for people; nothing to say is the empty text."""
    if isinstance(value, dict):
        return "  ".join(f"{key} {count:,}" for key, count in value.items())
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:,}" if value else ""


# --- what commands share ------------------------------------------------------------------------------


def _settings(flags: Mapping[str, Any]) -> Settings:
    from dotenv import load_dotenv

    from ingest.settings import read_settings
    from ingest.telemetry import set_up_logs

    load_dotenv(".env")  # for boto3, which reads its credentials from the environment itself
    settings = read_settings(flags)
    set_up_logs(settings.log_level, settings.log_format)
    return settings


def _open_store(settings: Settings) -> Store:
    from ingest.store import open_store

    return open_store(
        settings.store_url,
        endpoint_url=settings.s3_endpoint_url,
        region=settings.aws_region,
        kms_key_id=settings.s3_sse_kms_key_id,
    )


def _pairs(items: list[str] | None) -> dict[str, str]:
    pairs = {}
    for item in items or ():
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise SettingsError(f"--kafka-config {name}: expected NAME=VALUE", "See librdkafka's CONFIGURATION.")
        pairs[name.strip()] = value.strip()
    return pairs


@contextmanager
def _stopping() -> Iterator[Event]:
    """An event that the first SIGINT or SIGTERM sets; the second leaves at once."""
    stop = Event()

    def on_signal(number: int, _: object) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _note(text: str) -> None:
    typer.echo(text, err=True)


def _leave(code: int) -> NoReturn:
    """End now, even if a thread still waits for a store that does not answer."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(f"ingest {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; errors that users can act on end in two lines and their exit code."""
    try:
        app()
    except IngestError as error:
        _note(f"error: {error}")
        if error.remedy:
            _note(f"next:  {error.remedy}")
        _leave(error.exit_code)
