"""The event: the columns of a stored row, and why a record can be no event.

One row stands for one Kafka record. A record that is no valid event is *quarantined*: its row carries the
reason in `_error`, its untouched bytes in `_raw`, and nulls in the event columns.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import polars as pl

_UTC: Final = pl.Datetime("us", "UTC")

#: The columns of a stored row, in order, with their Polars types. Times are microseconds in UTC.
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

DEFAULT_TENANT: Final = "default"
DEFAULT_SCHEMA_VERSION: Final = "1.0"
MAX_TEXT: Final = 255  #: characters of an event_id, event_type or learner_id


class Reason(StrEnum):
    """Why a record is quarantined: the part of `_error` before the colon.

    Where a record has several faults the first in this order counts, and among fields the first in the
    order of docs/events.md; malformed times come last.
    """

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    BAD_TIMESTAMP = "bad_timestamp"

    def of(self, field: str) -> str:
        """The text of `_error` for a fault in one field, named canonically even if an alias was sent."""
        return f"{self}:{field}"
