"""Small valid objects of a chain for tests: a key, Parquet with the event schema, metadata in its footer."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import polars as pl

from ingest.events import SCHEMA
from ingest.objects import sealed_parquet

TOPIC, TOPIC_ID = "events_raw", "Zm9vYmFyYmF6cXV4MTIzNA"
AT = datetime(2025, 9, 5, 10, 0, tzinfo=UTC)


def key(start: int, partition: int = 0) -> str:
    return f"{TOPIC}/{TOPIC_ID}/partition={partition:05d}/{start:020d}.parquet"


def metadata(start: int, rows: int, partition: int = 0) -> dict[str, str]:
    return {
        "topic": TOPIC,
        "topic-id": TOPIC_ID,
        "partition": str(partition),
        "start": str(start),
        "next": str(start + rows),
        "records": str(rows),
    }


def frame(start: int, rows: int, partition: int = 0) -> pl.DataFrame:
    """`rows` valid events at the offsets from `start` on."""
    offset = pl.int_range(start, start + rows, dtype=pl.Int64)
    values = {
        "event_id": pl.format("event-{}-{}", pl.lit(partition), offset),
        "event_type": pl.lit("page_view"),
        "learner_id": pl.format("learner-{}", offset % 100),
        "tenant_id": pl.lit("default"),
        "schema_version": pl.lit("1.0"),
        "data": pl.concat_str(pl.lit('{"page_id":"page-'), offset, pl.lit('"}')),
        "metadata": pl.lit("{}"),
        "_topic": pl.lit(TOPIC),
        "_topic_id": pl.lit(TOPIC_ID),
        "_partition": pl.lit(partition),
        "_offset": offset,
        **dict.fromkeys(("occurred_at", "_kafka_timestamp", "_ingested_at"), pl.lit(AT)),
    }
    columns = [values.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in SCHEMA.items()]
    return pl.select(offset.alias("_")).select(*columns)


def parquet(rows: pl.DataFrame, metadata: dict[str, str]) -> bytes:
    target = io.BytesIO()
    rows.write_parquet(target, compression="zstd", compression_level=1, metadata=metadata)
    return target.getvalue()


def chain_object(start: int, rows: int, partition: int = 0) -> tuple[str, bytes, dict[str, str]]:
    """What `put_if_absent` takes, for `rows` events from offset `start` on."""
    body, held = sealed_parquet(frame(start, rows, partition), metadata(start, rows, partition), "zstd")
    return key(start, partition), body, held


def plain(held: dict[str, str], payload: bytes = b"") -> bytes:
    """A body that is Parquet with this metadata and this payload, and no chain object."""
    return parquet(pl.DataFrame({"payload": [payload]}), held)
