"""`ingest doctor`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ingest.cli.options import As, Bootstrap, KafkaConfig, StoreUrl, Topic, Warehouse
from ingest.cli.wiring import SystemClock, client_of, configuration_of, pairs, store_of
from ingest.console import Output, leave, print_result
from ingest.errors import SettingsError

if TYPE_CHECKING:
    from ingest.chain import Store
    from ingest.configuration import Configuration
    from ingest.doctor import Check, Checked, Finding
    from ingest.settings import Settings

_LIBRARIES: Final = ("confluent-kafka", "polars", "boto3", "duckdb")


def doctor(
    topic: Topic = None,
    group: Annotated[str | None, typer.Option(help="[KAFKA_CONSUMER_GROUP: etl-snowflake]")] = None,
    store: StoreUrl = None,
    warehouse: Warehouse = None,
    bootstrap_servers: Bootstrap = None,
    kafka_config: KafkaConfig = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds for each check.")] = 10,
    output: As = Output.TEXT,
) -> None:
    """Check settings, broker, sign-in, topics, group, store, warehouse and machine; name the remedy.

    Changes nothing but the store's canary, which is no object. A failed check does not stop the others; those
    that need it are skipped. Exit code 0, or 3 if any failed (2 if it was for a setting).

    Example: ingest doctor --store data/objects
    """
    from ingest.telemetry import set_up_logs

    flags = {
        "kafka_topic_events_raw": topic,
        "kafka_consumer_group": group,
        "ingest_store": store,
        "duckdb_path": str(warehouse) if warehouse else None,
        "kafka_bootstrap_servers": bootstrap_servers,
    }
    checks = _checks_or_why_not(flags, kafka_config, timeout)
    set_up_logs("ERROR", "auto")  # findings say it better than the log of the client
    report(checks, timeout, output)


def report(checks: list[Check], timeout: float, output: Output) -> None:
    """Ask each check, tell what it found, and leave with the exit code of the failures."""
    from ingest.doctor import examine, exit_code

    found: list[Checked] = []
    width = max(len(check.name) for check in checks)
    for one in examine(checks, timeout):
        found.append(one)
        if output is Output.TEXT:
            _tell(one, width)
    if output is Output.JSON:
        print_result(_result(found), output)
    leave(exit_code(found))


def _checks_or_why_not(flags: Mapping[str, Any], kafka_config: list[str] | None, timeout: float) -> list[Check]:
    """Every check; with settings that are wrong theirs, which fails, and one that stands for all the others."""
    from ingest.doctor import Check, Finding, State, ok

    try:
        return list(_checks(configuration_of(flags), pairs(kafka_config), timeout))
    except SettingsError as error:
        wrong = Finding(State.FAILED, str(error), error.remedy, error.exit_code)
        return [Check("settings", lambda: wrong), Check("all other checks", lambda: ok(""), ("settings",))]


def _checks(configuration: Configuration, properties: Mapping[str, str], timeout: float) -> Iterator[Check]:
    """Every check, in order. Raises `SettingsError` for settings that can't work together."""
    from ingest.checkup import KafkaCheckup, Wanted
    from ingest.doctor import Check

    settings = configuration.settings
    client = client_of(settings, properties)
    wanted = Wanted(
        client["bootstrap.servers"],
        settings.topics,
        settings.kafka_consumer_group,
        settings.kafka_topic_generation,
        settings.max_record_bytes,
    )
    yield Check("settings", lambda: _settings(configuration, properties))
    patience = timeout * 0.8  # so that the client's own word comes before our time is up
    kafka = KafkaCheckup(wanted, lambda: _cluster(client, patience), lambda: int(time.time() * 1000), patience)
    yield from kafka.checks()
    yield from _store_checks(store_of(settings), settings.max_batch_bytes)
    yield from _machine_checks(settings)


def _cluster(client: Mapping[str, Any], timeout: float) -> Any:
    from ingest.cluster import Cluster

    return Cluster(client, timeout)


def _settings(configuration: Configuration, properties: Mapping[str, str]) -> Finding:
    from ingest import security
    from ingest.doctor import ok, warning

    origins = [str(origin) for origin in configuration.origins.values() if origin != "default"]
    counts = ", ".join(
        f"{origins.count(one)} from {one}" for one in ("flag", "environment", ".env") if one in origins
    )
    properties = configuration.settings.kafka_properties() | dict(properties)
    doubts = [*configuration.doubts, *security.doubts(properties)]
    if doubts:
        return warning("; ".join(doubts), "`ingest config` shows every setting and where it comes from.")
    return ok(counts or "all by default")


def _store_checks(place: Store, batch: int) -> Iterator[Check]:
    """`batch` is MAX_BATCH_BYTES, for which a folder must have room."""
    from ingest import surroundings
    from ingest.doctor import Check
    from ingest.folder import FolderStore
    from ingest.s3 import S3Store

    yield Check("store", lambda: surroundings.store(place))
    if isinstance(place, S3Store):
        now = SystemClock().now
        yield Check("store: clock", lambda: surroundings.store_clock(place.server_time(), now()), ("store",))
    if isinstance(place, FolderStore):
        yield Check("store: disk", lambda: surroundings.disk(Path(place.url), batch))


def _machine_checks(settings: Settings) -> Iterator[Check]:
    from ingest import surroundings
    from ingest.doctor import Check
    from ingest.endpoint import health_at

    path = Path(settings.duckdb_path)
    yield Check("warehouse", lambda: surroundings.warehouse(path, _query()))
    yield Check("warehouse: disk", lambda: surroundings.disk(path.parent))
    yield Check("dbt", _dbt)
    yield Check("port", lambda: surroundings.port(settings.http_host, settings.http_port, health_at))
    yield Check("reader", lambda: _reader(settings))
    yield Check("versions", _versions)


def _query() -> Any:
    from ingest.database import query

    return query


def _reader(settings: Settings) -> Finding:
    """What `ingest consume` reads records with."""
    from ingest.cli.consume import reader_of
    from ingest.doctor import ok

    if reader_of(settings):
        return ok("records are read by the compiled reader")
    chosen = settings.reader == "python"
    return ok(
        f"records are read in Python, {'as READER says' if chosen else 'for this package was built without cargo'}"
    )


def _dbt() -> Finding:
    from ingest.doctor import ok, skipped

    try:
        return ok(f"dbt-core {version('dbt-core')}, dbt-duckdb {version('dbt-duckdb')}")
    except PackageNotFoundError as error:
        return skipped(f"{error.name} is not installed; only `make dbt` needs it")


def _versions() -> Finding:
    from ingest.cluster import client_version
    from ingest.doctor import ok

    found = [f"librdkafka {client_version()}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ok(", ".join(found))


def _tell(one: Checked, width: int) -> None:
    typer.echo(f"{one.finding.state:8} {one.name:{width}}  {one.finding.said}")
    if one.finding.remedy:
        typer.echo(f"{'':8} {'':{width}}  next: {one.finding.remedy}")


def _result(found: list[Checked]) -> dict[str, Any]:
    """As a program reads it: the counts by state, and every check."""
    states = [str(one.finding.state) for one in found]
    return {
        "counts": {state: states.count(state) for state in ("ok", "warning", "failed", "skipped")},
        "checks": [
            {"check": one.name, "state": str(one.finding.state), "said": one.finding.said, "next": one.finding.remedy}
            for one in found
        ],
    }
