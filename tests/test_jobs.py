"""Job records: what runs leave behind, whatever happens to them, and how it reaches the warehouse."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest
from structlog.testing import capture_logs

from ingest.errors import StoreRefused, StoreUnavailable, WarehouseLocked
from ingest.folder import FolderStore
from ingest.jobs import HEARTBEAT, JOB_SCHEMA, Counts, JobType, Run, Status, object_of, problem_of, rows_of
from ingest.kafka import Producer, client_settings
from ingest.layout import JOBS_PREFIX
from ingest.load import LoadSummary, load
from ingest.recorder import Recorder
from ingest.tables import JOB_COLUMNS
from tests.chains import raw_event
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures
from tests.locking import held_elsewhere
from tests.running import eventually
from tests.store.careless import Careless
from tests.store.objects import chain_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ingest.chain import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[1]
ID = "20260101T120000Z-0af"


def ticking(step: timedelta = timedelta(seconds=1)) -> Callable[[], datetime]:
    steps = itertools.count()
    return lambda: NOON + next(steps) * step


def a_run(job_type: JobType = JobType.INGEST) -> Run:
    return Run(job_type, "1.2", NOON, "0af")


def records_in(store: Store) -> pl.DataFrame:
    """Every record in the store, in the order of keys, read by nothing of ours."""
    found = [pl.read_parquet(store.read(entry.key)) for entry in store.list(JOBS_PREFIX)]
    return pl.concat(found) if found else pl.DataFrame(schema=JOB_SCHEMA)


def load_once(store: Store, path: Path, job: Run | None = None, clock: Callable[[], datetime] = lambda: NOON):
    return load(store, path, clock, lambda line: None, threading.Event(), job=job)


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


# --- records and objects ------------------------------------------------------------------------------


def test_a_run_numbers_its_records():
    run = a_run()
    first = run.running(NOON, Counts())
    last = run.ended(NOON + timedelta(hours=1), Counts(10, 2, 300), "the store is away")
    later = NOON + timedelta(hours=1)
    assert rows_of([first, last]).rows() == [
        (ID, "ingest", "running", NOON, None, 0, 0, 0, None, 0, NOON, "1.2"),
        (ID, "ingest", "failed", NOON, later, 10, 2, 300, "the store is away", 1, later, "1.2"),
    ]
    assert rows_of([last]).schema == pl.Schema(JOB_SCHEMA)
    assert a_run().ended(NOON, Counts()).status is Status.COMPLETED


def test_a_record_is_an_object_like_any_other(store: Store):
    key, body, metadata = object_of(a_run().ended(NOON, Counts(3, 1, 100)))
    assert key == f"_jobs/ingest/{ID}/000000.parquet"
    assert store.put_if_absent(key, body, metadata)
    assert not store.put_if_absent(key, body, metadata)
    assert store.metadata(key) == metadata
    assert records_in(store)["records_processed"].to_list() == [3]


def test_no_value_of_an_event_reaches_a_record():
    assert problem_of(StoreUnavailable("the store is away")) == "the store is away"
    assert problem_of(KeyError("learner-17")) == "unexpected KeyError"
    assert len(a_run().ended(NOON, Counts(), "x" * 100_000).error_message or "") == 1000


# --- the recorder -------------------------------------------------------------------------------------


def test_a_run_that_ends_leaves_its_start_and_its_end(store: Store):
    with Recorder(store, a_run(), ticking()) as recorder:
        recorder.counts = lambda: Counts(100, 2, 5000)
    found = records_in(store)
    assert found["status"].to_list() == ["running", "completed"]
    assert found.row(1, named=True) == {
        "job_id": ID,
        "job_type": "ingest",
        "status": "completed",
        "started_at": NOON,
        "completed_at": found["recorded_at"][1],
        "records_processed": 100,
        "records_failed": 2,
        "bytes_processed": 5000,
        "error_message": None,
        "record_number": 1,
        "recorded_at": found["recorded_at"][1],
        "pipeline_version": "1.2",
    }


def test_a_run_that_goes_on_says_so_with_its_counts_so_far(tmp_path: Path):
    store, done = FolderStore(tmp_path), itertools.count(0, 10)
    with Recorder(store, a_run(), ticking(), heartbeat=0.05) as recorder:
        recorder.counts = lambda: Counts(next(done))
        eventually(lambda: records_in(store).height >= 4)
    found = records_in(store)
    assert found["status"].to_list() == ["running"] * (found.height - 1) + ["completed"]
    assert found["record_number"].to_list() == list(range(found.height))
    assert found["records_processed"].is_sorted()
    assert found["recorded_at"].is_sorted()


@pytest.mark.parametrize(
    ("error", "says"),
    [(StoreUnavailable("s3://b: away"), "s3://b: away"), (ValueError("learner-17"), "unexpected ValueError")],
)
def test_a_run_that_an_error_ends_has_failed(tmp_path: Path, error: Exception, says: str):
    with pytest.raises(type(error)), Recorder(FolderStore(tmp_path), a_run(), ticking()):
        raise error
    assert records_in(FolderStore(tmp_path)).select("status", "error_message").row(-1) == ("failed", says)


def test_a_run_may_fail_without_an_error(tmp_path: Path):
    with Recorder(FolderStore(tmp_path), a_run(), ticking()) as recorder:
        recorder.problem = "7 records were read but not stored"
    assert records_in(FolderStore(tmp_path))["status"][-1] == "failed"


class Away(Careless):
    """A store whose puts fail until it is back; `error` may also be what does not pass."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error: Exception | None = error or StoreUnavailable("the store is away")
        self.tries = 0

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        self.tries += 1
        if self.error:
            raise self.error
        return super().put_if_absent(key, body, metadata)


def test_a_record_that_can_not_be_written_is_tried_again_and_told_once():
    store = Away()
    with capture_logs() as logs, Recorder(store, a_run(), ticking(), retry=0.01) as recorder:
        recorder.counts = lambda: Counts(store.tries)
        eventually(lambda: store.tries > 3)
        store.error = None
        eventually(lambda: store.held)
    assert records_in(store)["status"].to_list() == ["running", "completed"]
    assert records_in(store)["records_processed"][0] > 3, "the record says what is so when it is written"
    assert [line["event"] for line in logs] == ["job_record_failed"]


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreRefused("no"), ValueError("learner-17")])
def test_a_store_that_never_takes_a_record_neither_harms_nor_holds_up_the_run(error: Exception):
    store, began = Away(error), time.monotonic()
    with capture_logs() as logs, Recorder(store, a_run(), ticking(), retry=0.01, grace=0.5):
        eventually(lambda: store.tries)
    assert time.monotonic() - began < 3
    assert store.held == {}
    assert "learner-17" not in str(logs)
    assert {line["event"] for line in logs} == {"job_record_failed"}


def test_a_store_that_hangs_does_not_hold_up_the_end():
    class Hanging(Careless):
        answer = threading.Event()

        def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
            return self.answer.wait(30)

    began = time.monotonic()
    with capture_logs() as logs, Recorder(Hanging(), a_run(), ticking(), grace=0.2):
        pass
    assert time.monotonic() - began < 3
    assert logs[-1]["error"] == "the store did not answer in time"
    Hanging.answer.set()


KILLED = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from ingest.folder import FolderStore
from ingest.jobs import JobType, Run
from ingest.recorder import Recorder
now = lambda: datetime.now(UTC)
with Recorder(FolderStore(Path(sys.argv[1])), Run(JobType.INGEST, "1", now(), "0"), now, heartbeat=0.05):
    time.sleep(60)
"""


def test_a_run_that_is_killed_is_left_running_with_its_last_heartbeat(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT) as process:
        eventually(lambda: records_in(FolderStore(tmp_path)).height >= 3)
        process.send_signal(signal.SIGKILL)
    found = records_in(FolderStore(tmp_path))
    assert set(found["status"]) == {"running"}
    assert datetime.now(UTC) - found["recorded_at"].max() < timedelta(minutes=1)


# --- into the warehouse -------------------------------------------------------------------------------


def test_records_in_the_store_are_loaded_once_beside_the_events(store: Store, path: Path):
    store.put_if_absent(*chain_object(0, 10))
    with Recorder(store, a_run(), ticking()):
        pass
    summary = load_once(store, path)
    assert (summary.objects, summary.rows, summary.job_records, summary.ignored) == (1, 10, 2, 0)
    assert summary.bytes == sum(entry.size for entry in store.list("events_raw/"))
    assert load_once(store, path) == LoadSummary(skipped=3)
    rows = query(path, "select status, record_number, _file, _file_row, _loaded_at from raw.job_runs order by 2")
    keys, at = [entry.key for entry in store.list(JOBS_PREFIX)], NOON.replace(tzinfo=None)
    assert rows == [("running", 0, keys[0], 1, at), ("completed", 1, keys[1], 1, at)]
    history = query(path, "select file, status, records from raw.load_history where file like '\\_jobs%' escape '\\'")
    assert sorted(history) == [(key, "loaded", 1) for key in keys]


def test_every_value_of_a_record_arrives(tmp_path: Path, path: Path):
    record = a_run().ended(NOON + timedelta(microseconds=1), Counts(2**40, 3, 2**50), "s3://b/é: away")
    FolderStore(tmp_path / "s").put_if_absent(*object_of(record))
    load_once(FolderStore(tmp_path / "s"), path)
    naive = rows_of([record]).with_columns(pl.selectors.datetime().dt.replace_time_zone(None))
    columns = ", ".join(JOB_SCHEMA)
    assert query(path, f"select {columns} from raw.job_runs") == naive.rows()  # noqa: S608


def test_a_damaged_record_fails_alone(tmp_path: Path, path: Path):
    store = Careless()
    store.put_if_absent(*chain_object(0, 10))
    key, body, metadata = object_of(a_run().running(NOON, Counts()))
    store.put_if_absent(key, body[:100] + bytes([body[100] ^ 1]) + body[101:], metadata)
    summary = load_once(store, path)
    assert (summary.rows, summary.job_records, summary.failed) == (10, 0, 1)
    assert query(path, "from raw.job_runs") == []


def test_the_table_has_the_columns_of_the_schema(path: Path, tmp_path: Path):
    load_once(FolderStore(tmp_path / "empty"), path)
    described = query(path, "describe raw.job_runs")
    assert [name for name, *_ in described] == [*JOB_SCHEMA, "_file", "_file_row", "_loaded_at"] == list(JOB_COLUMNS)
    assert {name for name, _, null, *_ in described if null == "YES"} == {
        *("completed_at", "error_message", "_file", "_file_row")
    }


# --- a load's own records -----------------------------------------------------------------------------


def own(path: Path) -> list[tuple[object, ...]]:
    return query(
        path,
        "select status, records_processed, bytes_processed, error_message from raw.job_runs"
        " where job_type = 'load' and _file is null order by record_number",
    )


def test_a_load_leaves_its_start_and_its_end(store: Store, path: Path):
    store.put_if_absent(*chain_object(0, 10))
    size = next(store.list()).size
    load_once(store, path, a_run(JobType.LOAD), ticking())
    assert own(path) == [("running", 0, 0, None), ("completed", 10, size, None)]
    [(started, completed)] = query(
        path, "select started_at, completed_at from raw.job_runs where status = 'completed'"
    )
    assert started == NOON.replace(tzinfo=None)
    assert completed > started


def test_a_load_that_an_error_ends_has_failed(path: Path):
    class Unreadable(Careless):
        def read(self, key: str) -> bytes:
            raise StoreUnavailable(f"can't read {key}")

    store = Unreadable()
    store.put_if_absent(*chain_object(0, 10))
    with pytest.raises(StoreUnavailable):
        load_once(store, path, a_run(JobType.LOAD))
    [running, failed] = own(path)
    assert running[0] == "running"
    assert failed[0] == "failed"
    assert "can't read events_raw/" in str(failed[3])


def test_a_load_with_objects_that_fail_has_failed(path: Path):
    store = Careless()
    store.put_if_absent(*chain_object(0, 10))
    store.held[chain_object(10, 10)[0]] = (b"bad", {})
    load_once(store, path, a_run(JobType.LOAD))
    assert own(path)[-1][:2] == ("failed", 10)
    assert "1 objects could not be loaded" in str(own(path)[-1][3])


def test_a_load_that_finds_the_warehouse_locked_says_so_and_nothing_else(path: Path):
    store = Careless()
    load_once(store, path)
    with held_elsewhere(path) as holder, capture_logs() as logs:
        with pytest.raises(WarehouseLocked):
            load_once(store, path, a_run(JobType.LOAD))
        holder.communicate()
    assert [line["event"] for line in logs] == ["job_record_failed"]
    assert own(path) == []


class Hours(threading.Event):
    """Lets a following load look again, each time later, until it has looked so often."""

    def __init__(self, looks: int, step: timedelta) -> None:
        super().__init__()
        self.looks, self.step, self.now = looks, step, NOON

    def wait(self, timeout: float | None = None) -> bool:
        self.looks -= 1
        self.now += self.step
        return self.looks <= 0


def test_a_following_load_that_has_nothing_to_do_says_that_it_lives(path: Path):
    store = Careless()
    store.put_if_absent(*chain_object(0, 10))
    stop = Hours(8, timedelta(seconds=HEARTBEAT / 3))
    load(store, path, lambda: stop.now, lambda line: None, stop, every=1, job=a_run(JobType.LOAD))
    assert [(status, rows) for status, rows, *_ in own(path)] == [
        *(("running", rows) for rows in (0, 10, 10)),
        ("completed", 10),
    ]


# --- the commands -------------------------------------------------------------------------------------


def consume(folder: Path, bootstrap: str, topic: str) -> int:
    own = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "KAFKA_TOPIC_EVENTS_RAW": topic, "HTTP_PORT": "0"}
    words = [sys.executable, "-m", "ingest", "consume", "--once", "--store", "objects"]
    done = subprocess.run(words, cwd=folder, env=os.environ | own, capture_output=True, check=False, timeout=120)
    return done.returncode


def test_a_run_of_consume_leaves_its_counts(tmp_path: Path, embedded_broker: str):
    with Producer(client_settings(embedded_broker), "job-records") as producer:
        for value in (raw_event(0), raw_event(1), b"{"):
            producer.send(b"k", value)
    assert consume(tmp_path, embedded_broker, "job-records") == 1
    store = FolderStore(tmp_path / "objects")
    found = records_in(store)
    assert found["status"].to_list() == ["running", "completed"]
    stored = sum(entry.size for entry in store.list("job-records/"))
    last = found.row(-1, named=True)
    assert (last["records_processed"], last["records_failed"], last["bytes_processed"]) == (3, 1, stored)


def test_a_run_of_consume_that_finds_no_broker_leaves_why(tmp_path: Path):
    assert consume(tmp_path, "127.0.0.1:1", "job-records") == 3
    found = records_in(FolderStore(tmp_path / "objects"))
    assert found["status"].to_list() == ["running", "failed"]
    assert "127.0.0.1:1" in found["error_message"][-1]
