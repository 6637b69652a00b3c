"""Many raw values → one typed frame, bad rows quarantined.

Per record there is one strict look at its envelope, the same whatever its neighbours are; all else happens
in columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from ingest.envelopes import Columns, read_all
from ingest.events import SCHEMA, Reason
from ingest.records import Partition, Records
from ingest.times import broker_times, parse_times

#: The columns of times, and the fields of the envelope that they come from.
_TIMES: Final = {"occurred_at": "timestamp", "sent_at": "sent_at", "published_at": "published_at"}
_EVENT: Final = tuple(name for name in SCHEMA if not name.startswith("_"))


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
        places = self.places(records.offsets, records.timestamps, ingested_at)
        if None not in errors:
            return _frame(_no_events(len(errors)) | places | _faults(errors, records.values))
        sent = {column: envelopes[field] for column, field in _TIMES.items()}
        times = parse_times(sent)
        _note_malformed(sent, times, errors)
        texts = {name: _texts(name, envelopes) for name in _EVENT if name not in times}
        return _quarantined({**texts, **times, **places}, errors, records.values)

    def places(
        self, offsets: Sequence[int], timestamps: Sequence[int | None], ingested_at: datetime
    ) -> dict[str, pl.Series]:
        """The columns that say where records come from."""
        return {
            "_topic": _repeated("_topic", self.partition.topic, len(offsets)),
            "_topic_id": _repeated("_topic_id", self.topic_id, len(offsets)),
            "_partition": _repeated("_partition", self.partition.number, len(offsets)),
            "_offset": pl.Series(offsets, dtype=pl.Int64),
            "_kafka_timestamp": broker_times(timestamps),
            "_ingested_at": _repeated("_ingested_at", ingested_at, len(offsets)),
        }


def sound_rows(columns: dict[str, pl.Series], count: int) -> pl.DataFrame:
    """The frame of `count` rows none of which is quarantined, out of all other columns."""
    return _frame({**columns, **{name: _repeated(name, None, count) for name in ("_error", "_raw")}})


def _frame(columns: dict[str, pl.Series]) -> pl.DataFrame:
    return pl.DataFrame({name: columns[name] for name in SCHEMA})


def _texts(name: str, envelopes: Columns) -> pl.Series:
    """A column of texts; the payloads are columns already."""
    texts = envelopes[name]
    return texts if isinstance(texts, pl.Series) else pl.Series(name, texts, dtype=pl.String)


def _repeated(name: str, value: Any, count: int) -> pl.Series:
    return pl.Series(name, [value], dtype=SCHEMA[name]).new_from_index(0, count)


def _note_malformed(sent: dict[str, Any], times: dict[str, pl.Series], errors: list[str | None]) -> None:
    """Enter malformed times into `errors`; the first of a row counts."""
    for column, values in sent.items():
        if times[column].null_count() > values.count(None):
            for row in times[column].is_null().arg_true():
                if values[row] is not None and errors[row] is None:
                    errors[row] = Reason.BAD_TIMESTAMP.of(_TIMES[column])


def _quarantined(
    columns: dict[str, pl.Series], errors: Sequence[str | None], values: Sequence[bytes | None]
) -> pl.DataFrame:
    """The frame with `_error` and `_raw`, and nulls in the event columns of the quarantined rows."""
    if errors.count(None) == len(errors):
        return sound_rows(columns, len(errors))
    sound = pl.when(pl.col("_error").is_null())
    return _frame(columns | _faults(errors, values)).with_columns(sound.then(pl.col(_EVENT)))


def _faults(errors: Sequence[str | None], values: Sequence[bytes | None]) -> dict[str, pl.Series]:
    """The two columns of what is quarantined."""
    raw = [value if error else None for value, error in zip(values, errors, strict=True)]
    return {"_error": pl.Series(errors, dtype=pl.String), "_raw": pl.Series(raw, dtype=pl.Binary)}


def _no_events(count: int) -> dict[str, pl.Series]:
    return {name: _repeated(name, None, count) for name in _EVENT}
