"""Metrics: every name with its meaning in one list, and the board that they are read from.

The only importer of prometheus_client. Base units; counters end in `_total`; a label's values are few and known:
a partition, a reason, never a learner, an offset or an object.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Kind(StrEnum):
    """What a metric does: a counter only grows, a gauge is as of now, a histogram counts by size."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `meaning` is its help text, and its line in docs/operations.md."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


_PARTITION: Final = ("topic", "partition")
_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

BUILD: Final = Metric("ingest_build_info", _G, "1; the label says which version runs", ("version",))
STARTED: Final = Metric("ingest_start_time_seconds", _G, "When the process began, in seconds since 1970")
UNHEALTHY: Final = Metric("ingest_unhealthy", _G, "1 for each reason that /health has to answer 503", ("reason",))

READ: Final = Metric("ingest_read_records_total", _C, "Records that came in", _PARTITION)
READ_BYTES: Final = Metric("ingest_read_bytes_total", _C, "Bytes of the values of records that came in", _PARTITION)
STORED: Final = Metric("ingest_stored_records_total", _C, "Records in objects that this process stored", _PARTITION)
STORED_BYTES: Final = Metric("ingest_stored_bytes_total", _C, "Bytes of objects that this process stored", _PARTITION)
OBJECTS: Final = Metric("ingest_stored_objects_total", _C, "Objects that this process stored", _PARTITION)
QUARANTINED: Final = Metric("ingest_quarantined_records_total", _C, "Of those records: no valid event", ("reason",))
LOST: Final = Metric(
    "ingest_lost_offsets_total", _C, "Offsets that the broker deleted before they were read", _PARTITION
)
DUE: Final = Metric("ingest_batches_total", _C, "Batches sent to the store, by why they were due", ("due",))
FLUSH: Final = Metric("ingest_flush_seconds", _H, "From a batch's sending to its being stored, all tries included")
CONFLICTS: Final = Metric("ingest_slot_conflicts_total", _C, "Slots that another writer had taken")
RECOVERED: Final = Metric("ingest_recovered_puts_total", _C, "Puts whose answer was lost, though they had been done")
STORE_FAILURES: Final = Metric(
    "ingest_store_failures_total", _C, "Requests to the store that failed and were repeated"
)
BROKER_FAILURES: Final = Metric("ingest_broker_failures_total", _C, "Questions to the broker that failed")
REBALANCES: Final = Metric("ingest_rebalances_total", _C, "Times that the group gave out its partitions anew")
ASSIGNED: Final = Metric("ingest_assigned_partitions", _G, "Partitions that are ours")
BUFFERED: Final = Metric("ingest_buffered_bytes", _G, "Memory held for records that are not stored yet, about")
PAUSED: Final = Metric("ingest_reading_paused", _G, "1 while reading is paused at MAX_BUFFER_BYTES")
POLL_AGE: Final = Metric("ingest_last_poll_age_seconds", _G, "Since the thread that reads last came round")
LAG: Final = Metric("ingest_lag_records", _G, "Offsets that the broker has beyond what was read", _PARTITION)
POSITION: Final = Metric("ingest_position_offset", _G, "Where the chain of stored objects ends", _PARTITION)
READ_TO: Final = Metric("ingest_read_offset", _G, "The offset that is read next", _PARTITION)
END: Final = Metric("ingest_end_offset", _G, "Where the broker's partition ends, as last asked", _PARTITION)
FLUSH_AGE: Final = Metric(
    "ingest_last_flush_age_seconds", _G, "Since the last batch was stored, if one was", _PARTITION
)

LOADED: Final = Metric("ingest_load_objects_total", _C, "Objects that `ingest load` has loaded")
LOADED_ROWS: Final = Metric("ingest_load_rows_total", _C, "Rows of those objects")
LOAD_FAILURES: Final = Metric("ingest_load_failures_total", _C, "Objects that could not be loaded")
LOAD_WAITS: Final = Metric("ingest_load_waits_total", _C, "Looks that found the warehouse locked or the store away")
LOOK_AGE: Final = Metric(
    "ingest_load_last_look_age_seconds", _G, "Since `ingest load` last looked and was not kept out"
)
LOAD_AGE: Final = Metric(
    "ingest_load_last_object_age_seconds", _G, "Since `ingest load` last loaded an object, if any"
)

PROCESS: Final = (BUILD, STARTED, UNHEALTHY)
CONSUMER: Final = (
    *(READ, READ_BYTES, STORED, STORED_BYTES, OBJECTS, QUARANTINED, LOST, DUE, FLUSH, CONFLICTS, RECOVERED),
    *(STORE_FAILURES, BROKER_FAILURES, REBALANCES, ASSIGNED, BUFFERED, PAUSED, POLL_AGE),
    *(LAG, POSITION, READ_TO, END, FLUSH_AGE),
)
LOADER: Final = (LOADED, LOADED_ROWS, LOAD_FAILURES, LOAD_WAITS, LOOK_AGE, LOAD_AGE)
METRICS: Final[tuple[Metric, ...]] = (*PROCESS, *CONSUMER, *LOADER)


class Board:
    """The metrics of one process, each with a value from the start where its labels' values are known."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a time beside each, for which nobody asks

    def counter(self, metric: Metric, values: Iterable[str] = ()) -> Counter:
        """A counter; `values` are those of its only label that are known from the start."""
        counter = Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)
        for value in values:
            counter.labels(value)
        return counter

    def gauge(self, metric: Metric, values: Iterable[str] = ()) -> Gauge:
        """A gauge; `values` as for a counter."""
        gauge = Gauge(metric.name, metric.meaning, metric.labels, registry=self._registry)
        for value in values:
            gauge.labels(value)
        return gauge

    def histogram(self, metric: Metric, buckets: Sequence[float]) -> Histogram:
        """A histogram with these upper bounds."""
        return Histogram(metric.name, metric.meaning, metric.labels, registry=self._registry, buckets=buckets)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
