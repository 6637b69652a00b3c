"""What the records say of the pipeline: event_id_conflicts, data_quality_daily and pipeline_latency."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import NamedTuple

from tests.dbt.reference.event_types import CANONICAL
from tests.dbt.reference.events import contents
from tests.dbt.reference.figures import MICROSECOND, percentile, quotient
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.staging import Record, events
from tests.dbt.reference.times import local_date


class ConflictRow(NamedTuple):
    tenant_id: str
    event_id: str
    records: int
    distinct_contents: int
    first_received_at: datetime | None
    last_received_at: datetime | None


class QualityRow(NamedTuple):
    partition_date: date
    records: int
    events: int
    duplicates: int
    quarantined: int
    quarantined_empty: int
    quarantined_not_utf8: int
    quarantined_not_json: int
    quarantined_not_object: int
    quarantined_missing: int
    quarantined_wrong_type: int
    quarantined_too_long: int
    quarantined_bad_timestamp: int
    quarantined_too_large: int
    late: int
    skew_corrected: int
    future_clamped: int
    unknown_types: int
    unparsable_data: int
    quarantined_rate: float | None
    duplicate_rate: float | None
    late_rate: float | None
    skew_corrected_rate: float | None
    unknown_type_rate: float | None


class LatencyRow(NamedTuple):
    loaded_hour: datetime
    records: int
    received_to_ingested_p50_seconds: float | None
    received_to_ingested_p95_seconds: float | None
    ingested_to_loaded_p50_seconds: float | None
    ingested_to_loaded_p95_seconds: float | None
    received_to_loaded_p50_seconds: float | None
    received_to_loaded_p95_seconds: float | None


def conflict_rows(records: Iterable[Record]) -> list[ConflictRow]:
    same_id = defaultdict(list)
    for record in records:
        if record.said:
            same_id[record.said.tenant_id, record.said.event_id].append(record.said)
    rows = []
    for key, found in same_id.items():
        distinct = len({contents(event) for event in found})
        received = [event.received_at for event in found if event.received_at is not None]
        if distinct > 1:
            rows.append(
                ConflictRow(*key, len(found), distinct, min(received, default=None), max(received, default=None))
            )
    return rows


def quality_rows(records: Iterable[Record], settings: Settings) -> list[QualityRow]:
    days = defaultdict(list)
    for record in records:
        days[local_date(record.ingested_at, settings.reporting_timezone)].append(record)
    return [_quality(day, found) for day, found in days.items()]


def latency_rows(records: Iterable[Record]) -> list[LatencyRow]:
    hours = defaultdict(list)
    for record in records:
        hours[record.first_loaded_at.replace(minute=0, second=0, microsecond=0)].append(record)
    return [
        LatencyRow(
            hour,
            len(found),
            *_p50_and_p95(found, lambda each: (each.received_at, each.ingested_at)),
            *_p50_and_p95(found, lambda each: (each.ingested_at, each.first_loaded_at)),
            *_p50_and_p95(found, lambda each: (each.received_at, each.first_loaded_at)),
        )
        for hour, found in hours.items()
    ]


def _quality(day: date, records: list[Record]) -> QualityRow:
    statuses = Counter(record.status for record in records)
    reasons = Counter(record.error.partition(":")[0] for record in records if record.error)
    kept = events(records)
    late = sum(event.times.late for event in kept)
    corrected = sum(event.times.skew_corrected for event in kept)
    unknown = sum(event.source_event_type not in CANONICAL for event in kept)
    return QualityRow(
        *(day, len(records), len(kept), statuses["duplicate"], statuses["quarantined"]),
        quarantined_empty=reasons["empty"],
        quarantined_not_utf8=reasons["not_utf8"],
        quarantined_not_json=reasons["not_json"],
        quarantined_not_object=reasons["not_object"],
        quarantined_missing=reasons["missing"],
        quarantined_wrong_type=reasons["wrong_type"],
        quarantined_too_long=reasons["too_long"],
        quarantined_bad_timestamp=reasons["bad_timestamp"],
        quarantined_too_large=reasons["too_large"],
        late=late,
        skew_corrected=corrected,
        future_clamped=sum(event.times.future_clamped for event in kept),
        unknown_types=unknown,
        unparsable_data=sum(event.unparsable_data for event in kept),
        quarantined_rate=quotient(statuses["quarantined"], len(records)),
        duplicate_rate=quotient(statuses["duplicate"], len(records)),
        late_rate=quotient(late, len(kept)),
        skew_corrected_rate=quotient(corrected, len(kept)),
        unknown_type_rate=quotient(unknown, len(kept)),
    )


def _p50_and_p95(
    records: Iterable[Record], ends: Callable[[Record], tuple[datetime | None, datetime]]
) -> tuple[float | None, float | None]:
    """In seconds, over the records for which both ends are known."""
    known = [(begin, end) for begin, end in map(ends, records) if begin is not None]
    spans = [(end - begin) // MICROSECOND for begin, end in known]
    return _seconds(percentile(spans, 0.5)), _seconds(percentile(spans, 0.95))


def _seconds(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6
