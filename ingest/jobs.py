"""Job records: what each run of a stage of the pipeline says of itself, in rows that nobody changes.

A run leaves one record as it starts (`running`), more of them while it lasts, and one as it ends (`completed` or
`failed`). The record with the highest number is what is known of the run. A run that was killed ends with a
`running` record that grows old; how old tells it from one at work, since a run at work renews it every
`HEARTBEAT` seconds. A record is either an object in the store, which `ingest load` and Snowpipe bring into
`raw.job_runs`, or a row that a run with a warehouse at hand writes there itself. docs/decisions/0009.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from ingest.errors import IngestError
from ingest.layout import job_key
from ingest.objects import sealed_parquet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_UTC: Final = pl.Datetime("us", "UTC")
HEARTBEAT: Final = 3600.0  #: seconds between two records of a run that goes on
_MESSAGE_LIMIT: Final = 1000  # characters: an error's text names keys and causes, and no more is read

#: The columns of a job record, in order, with their Polars types. Times are microseconds in UTC.
JOB_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "job_id": pl.String,
    "job_type": pl.String,
    "status": pl.String,
    "started_at": _UTC,
    "completed_at": _UTC,
    "records_processed": pl.Int64,
    "records_failed": pl.Int64,
    "bytes_processed": pl.Int64,
    "error_message": pl.String,
    "record_number": pl.Int64,
    "recorded_at": _UTC,
    "pipeline_version": pl.String,
}


class JobType(StrEnum):
    """Which stage of the pipeline a run is of."""

    INGEST = "ingest"
    LOAD = "load"
    TRANSFORM = "transform"
    RETENTION = "retention"


class Status(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Counts(NamedTuple):
    """What a run has done so far. `failed` records are among the processed ones; `nbytes` are those stored."""

    processed: int = 0
    failed: int = 0
    nbytes: int = 0


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One row: what a run says of itself at `recorded_at`. Times are aware, in UTC."""

    job_id: str
    job_type: JobType
    status: Status
    started_at: datetime
    completed_at: datetime | None
    records_processed: int
    records_failed: int
    bytes_processed: int
    error_message: str | None
    record_number: int
    recorded_at: datetime
    pipeline_version: str


class JobObject(NamedTuple):
    """A job record as an object: what `Store.put_if_absent` takes."""

    key: str
    body: bytes
    metadata: dict[str, str]


class Run:
    """One run of a job: its name, and the records that it leaves, numbered from 0, perhaps with holes.

    `unique` tells runs apart that started in the same second: some hex digits.
    """

    def __init__(self, job_type: JobType, version: str, started_at: datetime, unique: str) -> None:
        self.job_type = job_type
        self.job_id = f"{started_at:%Y%m%dT%H%M%SZ}-{unique}"
        self._version = version
        self._started_at = started_at
        self._number = -1

    def running(self, at: datetime, counts: Counts) -> JobRecord:
        """The next record of a run that goes on."""
        return self._record(Status.RUNNING, at, counts, None)

    def ended(self, at: datetime, counts: Counts, problem: str | None = None) -> JobRecord:
        """The last record: failed if there is a problem, and completed otherwise."""
        return self._record(Status.FAILED if problem else Status.COMPLETED, at, counts, problem)

    def _record(self, status: Status, at: datetime, counts: Counts, problem: str | None) -> JobRecord:
        self._number += 1
        return JobRecord(
            self.job_id,
            self.job_type,
            status,
            self._started_at,
            None if status is Status.RUNNING else at,
            *counts,
            problem and problem[:_MESSAGE_LIMIT],
            self._number,
            at,
            self._version,
        )


def problem_of(error: BaseException) -> str:
    """What a job record says of an error: our own errors' words, of all others the kind alone."""
    return str(error) if isinstance(error, IngestError) else f"unexpected {type(error).__name__}"


def rows_of(records: Sequence[JobRecord]) -> pl.DataFrame:
    """The records as rows of `JOB_SCHEMA`."""
    rows = [[getattr(record, field.name) for field in fields(JobRecord)] for record in records]
    return pl.DataFrame(rows, schema=JOB_SCHEMA, orient="row")


def object_of(record: JobRecord) -> JobObject:
    """The record as an immutable object of one row."""
    said = {
        "job-id": record.job_id,
        "job-type": record.job_type.value,
        "status": record.status.value,
        "number": str(record.record_number),
        "records": "1",
        "pipeline-version": record.pipeline_version,
    }
    body, metadata = sealed_parquet(rows_of([record]), said)
    return JobObject(job_key(record.job_type, record.job_id, record.record_number), body, metadata)
