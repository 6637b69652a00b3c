"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ingest.console import Output

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
HttpPort = Annotated[
    int | None, typer.Option("--http-port", help="Where /health and /metrics are; 0: nowhere. [HTTP_PORT: 8080]")
]
