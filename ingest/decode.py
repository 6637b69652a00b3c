"""Many raw values → one typed frame, bad rows quarantined.

Per record there is one strict look at its envelope, the same whatever its neighbours are; all else happens
in columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from ingest.envelopes import Columns, read_all
from ingest.events import SCHEMA, Reason
from ingest.records import Partition, Records
from ingest.times import from_millis, parse_times

_TEXTS: Final = ("event_id", "event_type", "learner_id", "tenant_id", "session_id", "schema_version")


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes records of one partition into frames of `SCHEMA`.

    `topic_id` is the broker's id of the topic, or the configured generation. A value of more than
    `max_record_bytes` is quarantined unread.
    """

    partition: Partition
    topic_id: str
    max_record_bytes: int

    def __call__(self, records: Records, ingested_at: datetime) -> pl.DataFrame:
        """One row for every record, in offset order; columns and types are exactly `SCHEMA`'s."""
        envelopes, errors = read_all(records.values, self.max_record_bytes)
        columns = _texts(envelopes) | _times(envelopes, errors) | self._coordinates(records, ingested_at)
        return _quarantined(pl.DataFrame(columns), errors, records.values)

    def _coordinates(self, records: Records, ingested_at: datetime) -> dict[str, pl.Series]:
        count = len(records)
        return {
            "_topic": pl.repeat(self.partition.topic, count, dtype=pl.String, eager=True),
            "_topic_id": pl.repeat(self.topic_id, count, dtype=pl.String, eager=True),
            "_partition": pl.repeat(self.partition.number, count, dtype=pl.Int32, eager=True),
            "_offset": pl.Series(records.offsets, dtype=pl.Int64),
            "_kafka_timestamp": from_millis(records.timestamps),
            "_ingested_at": pl.repeat(ingested_at, count, dtype=SCHEMA["_ingested_at"], eager=True),
        }


def _texts(envelopes: Columns) -> dict[str, pl.Series]:
    texts = {name: pl.Series(envelopes[name], dtype=pl.String) for name in _TEXTS}
    return texts | {name: envelopes[name] for name in ("data", "metadata")}


def _times(envelopes: Columns, errors: list[str | None]) -> dict[str, pl.Series]:
    """The three time columns; a malformed time is entered into `errors`, the first of a row counts."""
    columns = {}
    for column, field in (("occurred_at", "timestamp"), ("sent_at",) * 2, ("published_at",) * 2):
        values = envelopes[field]
        columns[column] = instants = parse_times(values)
        if instants.null_count() > values.count(None):
            for row in instants.is_null().arg_true():
                if values[row] is not None and errors[row] is None:
                    errors[row] = Reason.BAD_TIMESTAMP.of(field)
    return columns


def _quarantined(frame: pl.DataFrame, errors: Sequence[str | None], values: Sequence[bytes | None]) -> pl.DataFrame:
    """The frame with `_error` and `_raw`, and nulls in the event columns of the quarantined rows."""
    if not any(errors):
        extra = [pl.lit(None, dtype=pl.String).alias("_error"), pl.lit(None, dtype=pl.Binary).alias("_raw")]
        return frame.with_columns(extra).select(*SCHEMA)
    raw = [value if error else None for value, error in zip(values, errors, strict=True)]
    error = pl.Series("_error", errors, dtype=pl.String)
    event_columns = [name for name in frame.columns if not name.startswith("_")]
    return (
        frame.with_columns(error, pl.Series("_raw", raw, dtype=pl.Binary))
        .with_columns(pl.when(pl.col("_error").is_null()).then(pl.col(event_columns)))
        .select(*SCHEMA)
    )
