"""When an event happened, by the clock rules; and the date that an instant has in the reporting time zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

_TOLERATED_CLOCK_ERROR = timedelta(seconds=60)
_TOLERATED_LEAD = timedelta(minutes=5)
_LATE = timedelta(days=30)


class Times(NamedTuple):
    received_at: datetime | None
    event_at: datetime
    skew_corrected: bool
    future_clamped: bool
    late: bool


def received_at(row: Mapping[str, Any]) -> datetime | None:
    """The collector's time, else the broker's."""
    return row.get("published_at") or row.get("_kafka_timestamp")


def times(row: Mapping[str, Any]) -> Times:
    """The times of a valid event. What was received nobody knows when is taken at its word."""
    received, sent, at = received_at(row), row.get("sent_at"), row["occurred_at"]
    if received is None:
        return Times(None, at, skew_corrected=False, future_clamped=False, late=False)
    skewed = sent is not None and abs(received - sent) > _TOLERATED_CLOCK_ERROR
    if skewed:
        at += received - sent
    ahead = at > received + _TOLERATED_LEAD
    if ahead:
        at = received
    return Times(received, at, skewed, ahead, late=received - at > _LATE)


def local_date(at: datetime, zone: str) -> date:
    """The date of a naive UTC time in the zone."""
    return at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()
