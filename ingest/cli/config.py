"""`ingest config`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.options import As, BatchSize, Bootstrap, FlushInterval, KafkaConfig, StoreUrl, Topic, Warehouse
from ingest.cli.wiring import client_of, configuration_of, pairs
from ingest.console import Output, print_result

if TYPE_CHECKING:
    from ingest.configuration import Configuration


def config(
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the defaults.")] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Print an .env file with every setting commented out, and leave.")
    ] = False,
    batch_size: BatchSize = None,
    flush_interval: FlushInterval = None,
    store: StoreUrl = None,
    warehouse: Warehouse = None,
    topic: Topic = None,
    group: Annotated[str | None, typer.Option(help="[KAFKA_CONSUMER_GROUP: etl-snowflake]")] = None,
    bootstrap_servers: Bootstrap = None,
    kafka_config: KafkaConfig = None,
    output: As = Output.TEXT,
) -> None:
    """Print every setting with its value and where that came from: flag, environment, .env or default.

    Secrets are shown as asterisks. Faults in the settings are told all at once, with exit code 2.

    Example: ingest config --changed
    """
    if example:
        from ingest.example import example_file

        typer.echo(example_file(), nl=False)
        return
    flags = {
        "batch_size": batch_size,
        "flush_interval_seconds": flush_interval,
        "ingest_store": store,
        "duckdb_path": str(warehouse) if warehouse else None,
        "kafka_topic_events_raw": topic,
        "kafka_consumer_group": group,
        "kafka_bootstrap_servers": bootstrap_servers,
    }
    found, properties = configuration_of(flags), pairs(kafka_config)
    client_of(found.settings, properties)  # says what is wrong with them
    lines = [*_settings(found), *_properties(properties)]
    shown = [line for line in lines if not changed or line["origin"] != "default"]
    if output is Output.JSON:
        print_result({"settings": shown}, output)
        return
    for line in shown:
        value = "-" if line["value"] is None else line["value"]
        typer.echo(f"{line['variable']:42} {line['origin']:12} {value}")


def _settings(found: Configuration) -> Iterator[dict[str, Any]]:
    from ingest.settings import shown

    for name, field in type(found.settings).model_fields.items():
        yield {
            "variable": name.upper(),
            "value": shown(getattr(found.settings, name)),
            "origin": str(found.origins[name]),
            "default": field.default,
            "unit": extra.get("unit") if isinstance(extra := field.json_schema_extra, dict) else None,
            "meaning": field.description,
        }


def _properties(properties: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    from ingest.security import is_secret

    for name, value in properties.items():
        hidden = "********" if is_secret(name) else value
        yield {"variable": f"--kafka-config {name}", "value": hidden, "origin": "flag"}
