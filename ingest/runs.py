"""The last runs of each job, from the records that they left in the store and in the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ingest.database import reading
from ingest.errors import InputError, StoreRefused
from ingest.jobs import HEARTBEAT, JOB_SCHEMA, JobRecord, JobType, Status
from ingest.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ingest.chain import Store

_KEPT: Final = 3  # runs of each job
_TABLE: Final = "select 1 from information_schema.tables where table_schema = 'raw' and table_name = 'job_runs'"
_LAST: Final = f"""
    with last as (
        select {", ".join(JOB_SCHEMA)} from raw.job_runs
        qualify row_number() over (partition by job_id order by record_number desc) = 1
    )
    select * from last
    qualify row_number() over (partition by job_type order by job_id desc) <= {_KEPT}
"""  # noqa: S608 - constants


def silent(record: JobRecord, now: datetime) -> bool:
    """Whether the run says that it goes on, and was not heard of for so long that it can't be."""
    return record.status == Status.RUNNING and now - record.recorded_at > timedelta(seconds=2 * HEARTBEAT)


def runs_in_store(store: Store, keys: Iterable[str]) -> list[JobRecord]:
    """The last record of each of the last runs, out of all job records' keys. Reads a few small objects."""
    last: dict[str, dict[str, str]] = {}  # by job, by run: the greatest key
    for key in sorted(keys):
        _, job, run, _ = key.split("/")
        last.setdefault(job, {})[run] = key
    chosen = [key for runs in last.values() for _, key in sorted(runs.items())[-_KEPT:]]
    return [record for key in chosen if (record := _read(store, key))]


def runs_in_warehouse(path: Path) -> list[JobRecord]:
    """The same from raw.job_runs. Raises `WarehouseError`."""
    with reading(path) as select:
        rows = select(_LAST, ()) if select(_TABLE, ()) else []
    return [_record(row) for row in rows]


def newest(records: Iterable[JobRecord]) -> list[JobRecord]:
    """The last runs of each job, the newest first: of each run the last record."""
    by_run: dict[tuple[str, str], JobRecord] = {}
    for record in sorted(records, key=lambda one: one.record_number):
        by_run[record.job_type, record.job_id] = record
    by_job: dict[str, list[JobRecord]] = {}
    for (job, _), record in sorted(by_run.items(), reverse=True):
        by_job.setdefault(job, []).append(record)
    return [record for _, runs in sorted(by_job.items()) for record in runs[:_KEPT]]


def _read(store: Store, key: str) -> JobRecord | None:
    """The record at this key; None if it can't be read, which `ingest verify` tells."""
    try:
        return _record(read_rows(store.read(key), JOB_SCHEMA).row(0))
    except (InputError, StoreRefused):
        return None


def _record(row: tuple[Any, ...]) -> JobRecord:
    aware = (value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in row)
    fields: dict[str, Any] = dict(zip(JOB_SCHEMA, aware, strict=True))
    kinds = {"job_type": JobType(fields["job_type"]), "status": Status(fields["status"])}
    return JobRecord(**(fields | kinds))
