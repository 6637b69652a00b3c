"""`ingest consume`."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Mapping
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ingest.cli.jobs import recorder_of
from ingest.cli.options import As, BatchSize, Bootstrap, FlushInterval, HttpPort, KafkaConfig, StoreUrl, Topic
from ingest.cli.serving import consumer_served
from ingest.cli.wiring import SystemClock, broker_of, client_of, pairs, settings_of, store_of, survey_of
from ingest.console import Output, leave, note, print_result, stopping

if TYPE_CHECKING:
    from ingest.broker import KafkaBroker
    from ingest.consume import Options
    from ingest.gathered import Reading
    from ingest.monitor import Monitor
    from ingest.settings import Settings
    from ingest.summary import Summary


_M_MMAP_THRESHOLD: Final = -3  # of malloc.h
_BUILD: Final = "Build it where cargo is, by make setup or pip install . again; or let READER be auto."


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
    accept_chain: Annotated[
        bool,
        typer.Option(
            "--accept-chain",
            help="Go on with a chain of other settings, or one that is shorter than what was committed.",
        ),
    ] = False,
    http_port: HttpPort = None,
    output: As = Output.TEXT,
) -> None:
    """Store the topic's records as Parquet objects, each record exactly once.

    Runs until it is stopped (Ctrl-C or SIGTERM: flush, commit, leave the group; a second time: leave at
    once, nothing is lost). With --once or --max-records it ends by itself, with exit code 1 if any record
    was quarantined, and serves /health and /metrics only if --http-port says where.

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
        "http_port": http_port,
    }
    settings, properties = settings_of(flags), pairs(kafka_config)
    bounded = once or max_records is not None
    port = 0 if bounded and http_port is None else settings.http_port
    with stopping() as stop, consumer_served(settings, port) as monitor:
        summary = _consume(
            settings, properties, stop, monitor, accept=accept_chain, once=once, max_records=max_records
        )
    _print_summary(summary, output)
    if summary.unfinished:
        note(f"{summary.unfinished} records were read but not stored; they will be read again")
    bad = summary.quarantined if bounded else 0
    if bad and output is Output.TEXT:
        note(f"{bad} records are quarantined: stored, with the reason in _error and the bytes in _raw (exit code 1)")
    leave(1 if summary.unfinished or bad or (bounded and summary.lost) else 0)


def _consume(
    settings: Settings,
    properties: Mapping[str, str],
    stop: Event,
    monitor: Monitor,
    *,
    accept: bool,
    **bounds: Any,
) -> Summary:
    from concurrent.futures import ThreadPoolExecutor

    from ingest.consume import Consumer, Crew
    from ingest.jobs import Counts, JobType
    from ingest.kafka import EMBEDDED
    from ingest.probe import probe
    from ingest.source import KafkaSource, consumer_settings

    options = _options(settings, **bounds)
    client = client_of(settings, properties)
    consumer_settings(client, settings.kafka_consumer_group, properties)  # a mistake in them is told first
    store = store_of(settings)
    probe(store)
    with recorder_of(store, JobType.INGEST) as recorder, broker_of(settings, client) as broker:
        cluster = broker.require(settings.topics)
        _tell_of_ids(broker, settings)
        # The embedded broker does not notice members that leave: let it miss them soon. (KIP-848: not ours to say.)
        classic = properties.get("group.protocol") != "consumer"
        quick = {"session.timeout.ms": "6000"} if classic and cluster.startswith(EMBEDDED) else {}
        own = quick | settings.group_properties() | dict(properties)
        conf = consumer_settings(client, settings.kafka_consumer_group, own)
        consumer = Consumer(
            lambda listener: KafkaSource(conf, settings.topics, listener),
            survey_of(settings, broker, cluster, store, accept=accept),
            options,
            SystemClock(),
            monitor,
            Crew(
                ThreadPoolExecutor(settings.put_concurrency, thread_name_prefix="put"),
                ThreadPoolExecutor(4, thread_name_prefix="survey"),
            ),
            stop,
        )
        told = consumer.summary
        recorder.counts = lambda: Counts(told.records, told.quarantined, told.nbytes)
        _collect_seldom()
        _map_the_largest_blocks_apart()
        summary = consumer.run()
        recorder.problem = _problem(summary)
        return summary


def _collect_seldom() -> None:
    """Let Python look for cycles seldom, and never in what is loaded by now.

    Records pass through by the thousand as lists of texts, which hold none: each look would cost reading a tenth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _map_the_largest_blocks_apart() -> None:
    """Have blocks from four megabytes on mapped each by itself, and given back when they are free.

    The C library would learn from the first such block to keep all up to its size in its heap: with records of 10 KB
    that is a sixth more memory. Smaller ones (what a fetch brings, columns, objects) are asked for many times a
    second, and would cost up to an eighth of all processor time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)


def _problem(summary: Summary) -> str | None:
    """Why a run that ended without an error has failed all the same."""
    problems = [f"{partition} {lost} was lost" for partition, lost in summary.lost]
    if summary.unfinished:
        problems.append(f"{summary.unfinished} records were read but not stored; they will be read again")
    return "; ".join(problems) or None


def _tell_of_ids(broker: KafkaBroker, settings: Settings) -> None:
    """Warn of topics that can't be told from the same ones made again."""
    import structlog

    log = structlog.get_logger("ingest.consume")
    for topic in settings.topics:
        if not broker.has_id(topic) and settings.kafka_topic_generation is None:
            log.warning("topic_without_id", topic=topic, remedy="set KAFKA_TOPIC_GENERATION; see docs/decisions")


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
        reader_of(settings),
    )


def reader_of(settings: Settings) -> Callable[[], Reading] | None:
    """What reads the usual records, if anything does. Raises `SettingsError` where it has to, and is not there."""
    from ingest.errors import SettingsError
    from ingest.reader import compiled_reader

    if settings.reader == "python":
        return None
    reader = compiled_reader()
    if settings.reader == "compiled" and reader is None:
        raise SettingsError("READER is compiled, but this package was built without one", _BUILD)
    return reader


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
