"""The event: its columns, and the strict decode of raw Kafka values into them."""

from __future__ import annotations

from typing import Final

import polars as pl

_UTC: Final = pl.Datetime("us", "UTC")

#: The columns of a stored row, in order: one row for every Kafka record, valid or quarantined.
SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "event_id": pl.String,
    "event_type": pl.String,
    "occurred_at": _UTC,
    "learner_id": pl.String,
    "tenant_id": pl.String,
    "session_id": pl.String,
    "sent_at": _UTC,
    "published_at": _UTC,
    "schema_version": pl.String,
    "data": pl.String,
    "metadata": pl.String,
    "_topic": pl.String,
    "_topic_id": pl.String,
    "_partition": pl.Int32,
    "_offset": pl.Int64,
    "_kafka_timestamp": _UTC,
    "_ingested_at": _UTC,
    "_error": pl.String,
    "_raw": pl.Binary,
}
