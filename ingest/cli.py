"""The command line: the composition root. The only reader of the environment and of the clock, the only printer.

Heavy libraries are imported inside the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest import __version__
from ingest.console import Output, leave, note, print_result, progress, stopping
from ingest.errors import IngestError, InputError, SettingsError

if TYPE_CHECKING:
    from ingest.chain import Chain, Store
    from ingest.consume import Options
    from ingest.records import Partition
    from ingest.settings import Settings
    from ingest.summary import Summary

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


As = Annotated[Output, typer.Option("--output", help="How the result is printed on stdout.")]
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
    output: As = Output.TEXT,
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
    _print_summary(summary, output)
    if summary.unfinished:
        note(f"{summary.unfinished} records were read but not stored; they will be read again")
    bounded = once or max_records is not None
    bad = summary.quarantined if bounded else 0
    if bad and output is Output.TEXT:
        note(f"{bad} records are quarantined: stored, with the reason in _error and the bytes in _raw (exit code 1)")
    leave(1 if summary.unfinished or bad or (bounded and summary.lost) else 0)


def _consume(settings: Settings, properties: Mapping[str, str], *, once: bool, max_records: int | None) -> Summary:
    from concurrent.futures import ThreadPoolExecutor

    from ingest.consume import Consumer
    from ingest.kafka import EMBEDDED
    from ingest.probe import probe
    from ingest.source import KafkaSource, consumer_settings

    client = _client(settings, properties)
    store = _open_store(settings)
    probe(store)
    identity = _identity(settings, client)
    # The embedded broker does not notice members that leave: let it miss them soon.
    quick = {"session.timeout.ms": "6000"} if identity.startswith(EMBEDDED) else {}
    conf = consumer_settings(client, settings.kafka_consumer_group, quick | dict(properties))
    topic = settings.kafka_topic_events_raw
    with stopping() as stop:
        consumer = Consumer(
            lambda listener: KafkaSource(conf, topic, listener),
            _chains(settings, identity, store),
            _options(settings, once=once, max_records=max_records),
            SystemClock(),
            stop,
            ThreadPoolExecutor(settings.put_concurrency, thread_name_prefix="put"),
        )
        return consumer.run()


def _identity(settings: Settings, client: Mapping[str, Any]) -> str:
    """What stands for the topic's id in keys."""
    import structlog

    from ingest.kafka import topic_id

    topic = settings.kafka_topic_events_raw
    identity = topic_id(client, topic, timeout=10) or settings.kafka_topic_generation
    if identity is None:
        log = structlog.get_logger("ingest.consume")
        log.warning("topic_without_id", topic=topic, remedy="set KAFKA_TOPIC_GENERATION; see docs/decisions")
    return identity or topic


def _chains(settings: Settings, identity: str, store: Store) -> Callable[[Partition], Chain]:
    from ingest.chain import Chain
    from ingest.objects import ChainId, Encoder

    topic = settings.kafka_topic_events_raw
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


def _print_summary(summary: Summary, output: Output) -> None:
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
    print_result(result, output)


@app.command()
def produce(
    source: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="NDJSON, one event a line; - is standard input.")
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
    """Send events to the topic: NDJSON as it stands, or synthetic learners.

    Lines are sent byte for byte, malformed ones too: judging is the consumer's job.

    Examples: ingest produce events.ndjson; ingest produce --synthetic 100000 --truth truth.json
    """
    if (source is None) == (synthetic is None):
        raise SettingsError("produce takes either a FILE or --synthetic N", "For example: ingest produce -")
    settings = _settings({"kafka_topic_events_raw": topic, "kafka_bootstrap_servers": bootstrap_servers})
    client = _client(settings, _pairs(kafka_config))
    if synthetic is None:
        result = _produce_lines(client, settings.kafka_topic_events_raw, str(source), partitions)
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
        result = _produce(client, settings.kafka_topic_events_raw, made, partitions, synthetic)
    print_result(result, output)


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
    from ingest.produce import Lines, open_ndjson, read_ndjson

    lines = Lines()
    with open_ndjson(path, sys.stdin.buffer) as stream:
        result = _produce(client, topic, read_ndjson(stream, lines), partitions, None)
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


@app.command()
def load(
    store: StoreUrl = None,
    warehouse: Warehouse = None,
    follow: Annotated[bool, typer.Option("--follow", help="Look again until stopped.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, max=86400, help="Seconds between two looks.")] = 10,
    output: As = Output.TEXT,
) -> None:
    """Load new objects into DuckDB, as Snowpipe does into Snowflake: each once, whole or not at all.

    An object that can't be loaded is recorded in raw.load_history with its error, tried again by the next
    run, and gives exit code 1.

    Example: ingest load --store data/objects --warehouse data/warehouse.duckdb
    """
    from ingest.load import load as run

    settings = _settings({"ingest_store": store, "duckdb_path": str(warehouse) if warehouse else None})
    path = Path(settings.duckdb_path)
    if "://" not in settings.store_url and not Path(settings.store_url).is_dir():
        raise InputError(
            f"there is no folder {settings.store_url}", "Mend --store; `ingest consume` makes the folder."
        )
    rows = 0

    def on_progress(line: Any) -> None:
        nonlocal rows
        rows += _tell_load(line)
        show(rows)

    with stopping() as stop, progress("rows", None) as show:
        summary = run(
            _open_store(settings), path, SystemClock().now, on_progress, stop, follow=follow, interval=interval
        )
    print_result(asdict(summary), output)
    leave(1 if summary.failed else 0)


def _tell_load(line: Any) -> int:
    """Log one line of progress of a load; answers how many rows it brought."""
    import structlog

    from ingest.tables import History

    log = structlog.get_logger("ingest.load")
    if not isinstance(line, History):
        log.warning("load_waits", error=str(line))
        return 0
    if line.status == "failed":
        log.error("object_failed", key=line.file, error=line.error)
        return 0
    log.info("object_loaded", key=line.file, rows=line.records)
    return line.records


@app.command()
def broker() -> None:
    """Be a Kafka broker in memory, for a first look: prints its address, and serves until stopped.

    Its limits: nothing outlives it, a partition keeps about 5 MiB, older records vanish without a word.
    """
    from ingest.embedded import serve

    _settings({})

    def ready(address: str) -> None:
        typer.echo(address)
        if sys.stdout.isatty():
            note(f"serving until stopped; in other shells: export KAFKA_BOOTSTRAP_SERVERS={address}")

    with stopping() as stop:
        serve(ready, stop)


@app.command()
def demo(
    events: Annotated[int, typer.Option(min=1, help="How many records to send through.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 7,
    data: Annotated[Path, typer.Option(help="Where objects and the warehouse go; made anew.")] = Path("data"),
) -> None:
    """The whole way on this machine: broker, events with trouble in them, objects, warehouse, dbt, account."""
    from ingest.demo import run

    _settings({})
    leave(run(events, seed, data, time.monotonic, typer.echo))


# --- what commands share ------------------------------------------------------------------------------


def _settings(flags: Mapping[str, Any]) -> Settings:
    from dotenv import load_dotenv

    from ingest.settings import read_settings
    from ingest.telemetry import set_up_logs

    try:
        load_dotenv(".env")  # for boto3, which reads its credentials from the environment itself
    except UnicodeDecodeError as error:
        raise SettingsError(".env is not UTF-8 text", "Write it anew as UTF-8.") from error
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


def _client(settings: Settings, properties: Mapping[str, str]) -> dict[str, Any]:
    from ingest.kafka import client_settings

    return client_settings(settings.kafka_bootstrap_servers, settings.kafka_properties() | dict(properties))


def _pairs(items: list[str] | None) -> dict[str, str]:
    pairs = {}
    for item in items or ():
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise SettingsError(f"--kafka-config {name}: expected NAME=VALUE", "See librdkafka's CONFIGURATION.")
        pairs[name.strip()] = value.strip()
    return pairs


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
        note(f"error: {error}")
        if error.remedy:
            note(f"next:  {error.remedy}")
        leave(error.exit_code)
    except ModuleNotFoundError as error:
        note(f"error: this command needs {error.name}, which is not installed")
        note("next:  pip install '.[load,dbt]' in a checkout, or make setup")
        leave(SettingsError.exit_code)
    except Exception:
        traceback.print_exc()
        note("error: this is a bug in ingest; what is stored and loaded is not touched by it")
        note("next:  report it with the lines above")
        leave(IngestError.exit_code)
