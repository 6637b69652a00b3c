"""`ingest retention` as a command, over a folder, DuckDB and the real dbt: plan, apply, audit, then verify."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.folder import FolderStore
from ingest.retention import months_before
from tests.aged import load_at, query
from tests.damage import FolderHands, Site
from tests.dbt.running import PROJECT, Warehouse
from tests.locking import held_elsewhere
from tests.retained import aged, put
from tests.services.s3 import CREDENTIALS, S3Server
from tests.store.objects import key

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")

NOW = datetime.now(UTC)
OLD, YOUNG = months_before(NOW, 18) - timedelta(days=20), NOW - timedelta(days=30)
PLACES = ("--store", "objects", "--warehouse", "warehouse.duckdb")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A chain of an old and two young objects, loaded as they were stored; a topic besides, all of it old."""
    root = tmp_path / "objects"
    made = Site(FolderStore(root), FolderHands(root), tmp_path / "warehouse.duckdb")
    for at, places in ((OLD, ((0, 0), (0, 1), (10, 1))), (YOUNG, ((10, 0), (20, 0)))):
        for start, partition in places:
            put(made.store, start, partition)
            aged(root / key(start, partition), at)
        load_at(made, at)
    return made


def ingest(folder: Path, *words: str, **more: str) -> tuple[int, str, str]:
    own = {n: v for n, v in os.environ.items() if not n.startswith(("KAFKA_", "S3_", "DUCKDB_", "SNOWFLAKE_"))}
    command = [sys.executable, "-m", "ingest", *words]
    done = subprocess.run(
        command, cwd=folder, env=own | more, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout, done.stderr


def retention(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    code, output, errors = ingest(folder, "retention", *words, *PLACES, "--output", "json")
    assert output, errors
    return code, json.loads(output)


def past(told: dict[str, Any]) -> dict[str, int]:
    return {share["name"]: share["past"] for share in told["shares"]}


def test_the_whole_way_with_the_models(site: Site, tmp_path: Path) -> None:
    """Built, looked at, taken, and sound by the audit and by verification; counted once in the job records."""
    models = Warehouse(tmp_path)
    models.dbt("seed")
    models.dbt("run")
    project = ("--project", str(PROJECT))

    code, told = retention(tmp_path, "plan", *project)
    found = past(told)
    assert (code, told["left_out"], told["away"]) == (0, {}, {})
    assert (found["events_raw"], found["raw.raw_events"]) == (2, 30)
    assert (found["staging.stg_records"], found["intermediate.int_session_events"]) == (30, 10)
    assert {share["layer"] for share in told["shares"]} == {"objects", "raw", "staging", "aggregates", "views"}
    of_models = sum(share["past"] for share in told["shares"] if share["layer"] in ("staging", "aggregates"))

    code, told = retention(tmp_path, "audit", *project)
    late = {(one["name"], one["where"]) for one in told["findings"]}
    assert code == 4
    assert {
        ("past_retention", "objects events_raw"),
        ("past_retention", "raw raw.raw_events"),
        ("past_retention", "staging staging.stg_records"),
    } <= late
    assert not [one for one in late if one[0] != "past_retention"]

    code, told = retention(tmp_path, "apply", "--yes", *project)
    assert code == 0
    assert (told["rows"], told["rows_of"]["raw_events"], told["model_rows"]) == (30, 30, of_models)
    assert (told["objects"], told["tips_kept"], told["left_out"]) == (2, 1, {})
    assert len(query(site.warehouse, "from staging.stg_records")) == 20
    runs = "select job_type, records_processed from analytics.etl_job_status where job_type = 'retention' order by 2"
    assert query(site.warehouse, runs) == [("retention", 30), ("retention", of_models)]

    code, told = retention(tmp_path, "audit", *project)
    assert (code, told["sound"], set(past(told).values())) == (0, True, {0})
    code, output, errors = ingest(tmp_path, "verify", "--without", "broker", *PLACES, "--output", "json")
    assert code == 0, output + errors
    first, second = json.loads(output)["partitions"]
    assert (first["expired_offsets"], first["expired_objects"], first["expired_rows"]) == (10, 1, 10)
    assert (second["expired_offsets"], second["expired_objects"], second["expired_rows"]) == (10, 1, 20)
    _, output, _ = ingest(tmp_path, "verify", "--without", "broker", *PLACES)
    assert "retention took 10 offsets of events_raw[0]: 1 known objects, 10 raw rows\n" in output
    assert "Sound: 3 objects" in output


def test_it_asks_before_it_deletes_and_off_a_terminal_it_does_nothing(site: Site, tmp_path: Path) -> None:
    before = query(site.warehouse, "from raw.raw_events order by all"), site.objects()
    code, output, errors = ingest(tmp_path, "retention", "apply", *PLACES, "--without", "models")
    assert (code, output) == (2, "")
    assert "add --yes" in errors
    code, told = at_a_terminal(tmp_path, "n")
    assert code != 0
    assert "raw.raw_events" in told
    assert (query(site.warehouse, "from raw.raw_events order by all"), site.objects()) == before
    code, told = at_a_terminal(tmp_path, "y")
    assert code == 0, told
    assert len(query(site.warehouse, "from raw.raw_events")) == 20
    assert site.objects() == [key(10), key(20), key(10, 1)]


def at_a_terminal(folder: Path, answer: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "ingest", "retention", "apply", *PLACES, "--without", "models"]
    with subprocess.Popen(words, cwd=folder, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        os.write(ours, answer.encode() + b"\n")
        told = b""
        while part := _read(ours):
            told += part
        code = process.wait(60)
    os.close(ours)
    return code, told.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # everybody has left it
        return b""


def test_a_plan_of_another_time_and_what_is_left_out_is_told(site: Site, tmp_path: Path) -> None:
    code, output, _ = ingest(tmp_path, "retention", "plan", "--as-of", "2040-01-01", *PLACES, "--without", "models")
    assert code == 0
    assert "models     NOT LOOKED AT: --without models" in output
    assert "2 older objects are kept: they are the last ones of their chains\n" in output
    assert output.endswith("nothing was changed; next: ingest retention apply\n")
    code, output, _ = ingest(tmp_path, "retention", "plan", "--store", "objects", "--without", "models")
    assert (code, "warehouse  NOT LOOKED AT: there is no data/warehouse.duckdb" in output) == (3, True)
    code, output, errors = ingest(tmp_path, "retention", "plan", "--store", "objects", "--without", "warehouse")
    assert (code, errors) == (0, ""), "there are no models without it"
    code, _, errors = ingest(tmp_path, "retention", "plan", "--store", "no-such-folder")
    assert (code, "there is no folder no-such-folder" in errors) == (2, True)


@pytest.mark.parametrize("project", [(), ("--project", "objects")], ids=["none here", "a folder that is none"])
def test_a_layer_that_nobody_asked_to_leave_out_is_missed(
    site: Site, tmp_path: Path, project: tuple[str, ...]
) -> None:
    late = ("--grace-days", "30")
    for words in (("plan",), ("audit", *late)):
        code, output, errors = ingest(tmp_path, "retention", *words, *PLACES, *project)
        assert code == 3, words
        assert "models     NOT LOOKED AT: there is no dbt project in " in output
        assert "error: models not looked at: there is no dbt project in " in errors
        assert "--without models" in errors
    assert "NOT KNOWN" in output
    code, told = retention(tmp_path, "audit", *late, *project)
    assert (code, told["sound"]) == (3, None)
    code, told = retention(tmp_path, "audit", *project)
    assert (code, told["sound"]) == (4, False)
    code, told = retention(tmp_path, "audit", *late, *project, "--without", "models")
    assert (code, told["sound"]) == (0, True)
    _, output, _ = ingest(tmp_path, "retention", "audit", *late, *PLACES, "--without", "models")
    assert "Sound but for what was left out" in output


def test_the_settings_say_how_long(site: Site, tmp_path: Path) -> None:
    words = ("retention", "plan", *PLACES, "--without", "models", "--output", "json")
    _, output, _ = ingest(tmp_path, *words, RAW_RETENTION_MONTHS="24")
    assert past(json.loads(output))["raw.raw_events"] == 0


def test_an_audit_is_patient_for_some_days(site: Site, tmp_path: Path) -> None:
    code, told = retention(tmp_path, "audit", "--without", "models", "--grace-days", "30")
    assert (code, told["findings"]) == (0, [])
    code, output, _ = ingest(tmp_path, "retention", "audit", *PLACES, "--without", "models")
    assert code == 4
    assert "NOT SOUND: 2 findings." in output
    assert "past_retention  objects events_raw" in output
    assert "next: Run `ingest retention apply`, daily." in output


def test_a_project_that_dbt_can_not_run_is_an_error_and_the_rest_is_told(site: Site, tmp_path: Path) -> None:
    (tmp_path / "dbt_project").mkdir()
    (tmp_path / "dbt_project/dbt_project.yml").write_text("name: broken\nversion: 1\nprofile: none\n")
    code, output, errors = ingest(tmp_path, "retention", "plan", *PLACES)
    assert code == 3
    assert "raw.raw_events" in output
    assert "dbt run-operation retention ended with exit code" in errors


def test_without_a_warehouse_the_job_record_goes_into_the_store(site: Site, tmp_path: Path) -> None:
    code, _, errors = ingest(tmp_path, "retention", "apply", "--yes", "--store", "objects")
    assert code == 0, errors
    records = [entry.key for entry in site.store.list("_jobs/retention/")]
    assert [name.rpartition("/")[2] for name in records] == ["000000.parquet", "000001.parquet"]
    assert "warehouse: left out, there is no data/warehouse.duckdb" in errors
    assert site.objects() == [key(10), key(20), key(10, 1)]


def test_over_a_bucket_the_rules_are_audited_and_set(s3: S3Server, tmp_path: Path) -> None:
    s3.create_bucket("retention-cli")
    more = CREDENTIALS | {"S3_ENDPOINT_URL": s3.url}
    words = ("--store", "s3://retention-cli/events", "--output", "json")
    alone = ("--without", "warehouse")

    code, output, errors = ingest(tmp_path, "retention", "audit", *words, *alone, **more)
    assert code == 4, errors
    assert [(one["name"], one["where"]) for one in json.loads(output)["findings"]] == [
        ("rule_missing", f"events/{name}/") for name in ("events_raw", "_recovered", "_jobs")
    ]
    code, output, _ = ingest(tmp_path, "retention", "audit", *words, *alone, "--without", "rules", **more)
    assert (code, json.loads(output)["findings"]) == (0, [])
    code, output, errors = ingest(tmp_path, "retention", "apply", "--yes", *words, **more)
    assert (code, "rules" in json.loads(output)) == (0, False), "nobody asked for them"
    code, output, errors = ingest(tmp_path, "retention", "apply", "--yes", "--lifecycle", *words, **more)
    assert (code, json.loads(output)["rules"]) == (0, 3), errors
    code, output, _ = ingest(tmp_path, "retention", "audit", *words, *alone, **more)
    told = json.loads(output)
    assert (code, told["sound"], past(told)) == (0, True, {"_jobs/": 0})
    code, output, _ = ingest(tmp_path, "retention", "audit", *words, *alone, **more, RAW_RETENTION_MONTHS="24")
    early = json.loads(output)["findings"]
    assert (code, {one["name"] for one in early}) == (4, {"expires_too_early"})
    assert "DATA IS LOST" in early[0]["what"]


def test_a_bucket_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    more = CREDENTIALS | {"S3_ENDPOINT_URL": "http://127.0.0.1:9"}
    code, _, errors = ingest(tmp_path, "retention", "audit", "--store", "s3://nowhere/events", **more)
    assert code == 3
    assert "no proper answer from S3" in errors


def test_a_warehouse_that_somebody_else_has_is_an_error(site: Site, tmp_path: Path) -> None:
    with held_elsewhere(site.warehouse) as holder:
        code, output, errors = ingest(tmp_path, "retention", "plan", *PLACES, "--without", "models")
    assert code == 3
    assert f"PID {holder.pid}" in errors
    assert "warehouse  NOT LOOKED AT: " in output
    assert "store      NOT LOOKED AT: " in output, "which objects are loaded, the warehouse alone knows"


def test_a_run_that_fails_half_way_says_so_and_the_next_one_does_the_rest(site: Site, tmp_path: Path) -> None:
    """Raw rows are gone, dbt fails, objects are there: verification is content, and nothing is loaded again."""
    (tmp_path / "dbt_project").mkdir()
    (tmp_path / "dbt_project/dbt_project.yml").write_text("name: broken\nversion: 1\nprofile: none\n")
    before = site.objects()
    code, output, errors = ingest(tmp_path, "retention", "apply", "--yes", *PLACES)
    assert (code, output) == (3, "")
    assert "dbt run-operation retention" in errors
    assert (len(query(site.warehouse, "from raw.raw_events")), site.objects()) == (20, before)
    runs = "select status, records_processed from raw.job_runs where job_type = 'retention' order by record_number"
    assert query(site.warehouse, runs) == [("running", 0), ("failed", 30)]
    assert ingest(tmp_path, "verify", "--without", "broker", *PLACES)[0] == 0
    code, output, _ = ingest(tmp_path, "load", *PLACES, "--output", "json")
    assert (code, json.loads(output)["rows"]) == (0, 0)
    code, told = retention(tmp_path, "apply", "--yes", "--without", "models")
    assert (code, told["rows"], told["objects"]) == (0, 0, 2)
