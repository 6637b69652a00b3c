"""Where two places must agree, they are compared: the columns in Parquet, in DuckDB and in the dbt source."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import duckdb
import yaml

from ingest.events import SCHEMA
from ingest.folder import FolderStore
from ingest.jobs import JOB_SCHEMA, Counts, JobType, Run, object_of
from ingest.load import load
from tests.chains import batch, chain

ROOT = Path(__file__).parent.parent
LOADER_COLUMNS = ["_file", "_file_row", "_loaded_at"]


def source_columns(name: str) -> list[tuple[str, str]]:
    declared = yaml.safe_load((ROOT / "dbt_project/models/staging/raw.yml").read_text())
    [table] = [table for source in declared["sources"] for table in source["tables"] if table["name"] == name]
    # `binary` is the name that both engines know; DuckDB answers with its own
    return [(column["name"], column["data_type"].upper().replace("BINARY", "BLOB")) for column in table["columns"]]


def test_parquet_duckdb_and_the_dbt_source_have_the_same_columns(tmp_path):
    chain(tmp_path / "objects").append(batch(0, 0, 1))
    warehouse = tmp_path / "warehouse.duckdb"
    load(FolderStore(tmp_path / "objects"), warehouse, lambda: datetime.now(UTC), lambda _: None, Event())
    [path] = (tmp_path / "objects").glob("**/*.parquet")
    with duckdb.connect(str(warehouse)) as db:
        in_parquet = [
            row[0]
            for row in db.execute("describe from read_parquet(?, hive_partitioning = false)", [str(path)]).fetchall()
        ]
        in_duckdb = [(row[0], row[1]) for row in db.execute("describe raw.raw_events").fetchall()]
    assert in_parquet == list(SCHEMA)
    assert [name for name, _ in in_duckdb] == in_parquet + LOADER_COLUMNS
    assert source_columns("raw_events") == in_duckdb


def test_a_job_record_duckdb_and_the_dbt_source_have_the_same_columns(tmp_path):
    at = datetime.now(UTC)
    store = FolderStore(tmp_path / "objects")
    store.put_if_absent(*object_of(Run(JobType.INGEST, "1", at, "0").running(at, Counts())))
    load(store, tmp_path / "warehouse.duckdb", lambda: at, lambda _: None, Event())
    [path] = (tmp_path / "objects").glob("**/*.parquet")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as db:
        in_parquet = [row[0] for row in db.execute("describe from read_parquet(?)", [str(path)]).fetchall()]
        in_duckdb = [(row[0], row[1]) for row in db.execute("describe raw.job_runs").fetchall()]
        assert db.execute("select count(*) from raw.job_runs").fetchall() == [(1,)]
    assert in_parquet == list(JOB_SCHEMA)
    assert [name for name, _ in in_duckdb] == in_parquet + LOADER_COLUMNS
    assert source_columns("job_runs") == in_duckdb


def test_the_locks_hold_versions_and_hashes_and_no_addresses():
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert not re.search(r"https?://|--index|--find-links", text), lock
        pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*(?:\[[a-z,]+\])?==\S+", text, re.M)
        assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.M)), lock
        assert text.count("--hash=sha256:") >= len(pinned)


def test_the_consumer_installs_what_the_tests_ran_with_and_neither_dbt_nor_test_tools():
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / name).read_text(), re.M))

    consumer = versions("consumer.txt")
    assert consumer <= versions("all.txt")
    assert not {line for line in consumer if re.match(r"dbt|pytest|duckdb|sqlfluff|moto", line)}
