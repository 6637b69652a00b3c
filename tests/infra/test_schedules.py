"""The crontab: its lines are run, as cron would run them, on a warehouse."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.embedded import EmbeddedBroker
from tests.dbt.running import PROJECT, Warehouse
from tests.infra.manifests import ROOT, needed
from tests.running import Pipeline

TEXT = (ROOT / "infra/cron/crontab").read_text()
VARIABLES = dict(re.findall(r"^([A-Z_]+)=(.*)$", TEXT, re.M))
LINES = re.findall(r"^((?:\S+ ){4}\S+) +(.+)$", re.sub(r"^(#.*|[A-Z_]+=.*)$", "", TEXT, flags=re.M), re.M)
RUN, BUILD, RETENTION, VERIFY = [command for _, command in LINES]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout as the crontab expects it, an empty warehouse, and 100 records that are stored and not loaded."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(PROJECT, folder / "dbt_project", ignore=shutil.ignore_patterns("target", "logs", "*.duckdb"))
    (folder / ".venv/bin").mkdir(parents=True)
    for command in ("dbt", "ingest"):
        (folder / ".venv/bin" / command).symlink_to(Path(sys.executable).parent / command)
    Warehouse(folder).create()
    with EmbeddedBroker() as broker:
        pipeline = Pipeline(broker.bootstrap_servers, folder / "objects", topic="events_raw")
        pipeline.produce(100)
        pipeline.run(rows=10)
        settings = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "INGEST_STORE": "objects"}
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        yield folder


def cron(command: str, place: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """What cron does with a line: its shell, its variables, hardly anything else."""
    needed("flock")
    variables = VARIABLES | {"PROJECT": str(place), "DUCKDB_PATH": str(place / "warehouse.duckdb")}
    variables |= {
        "LOCK": str(place / "lock"),
        "VERIFIED": str(place / "verified.txt"),
        "HOME": str(place),
        "PATH": "/usr/bin:/bin",
    } | changed
    return subprocess.run(
        [VARIABLES["SHELL"], "-c", command], env=variables, cwd=place, capture_output=True, text=True, check=False
    )


def runs(place: Path) -> list[tuple[str, str]]:
    query = "select job_type, status from analytics.etl_job_status order by started_at"
    return [(kind, status) for kind, status in Warehouse(place).rows(query)]


def test_lines_are_such_as_cron_takes():
    assert len(LINES) == 4
    for times, command in LINES:
        assert all(re.fullmatch(r"\*|\*/\d+|\d+", field) for field in times.split()), times
        assert "%" not in command, "cron would make a line's end of it"
    assert not [value for value in VARIABLES.values() if "$" in value], "cron replaces nothing in them"
    assert set(re.findall(r"\$(\w+)", " ".join(command for _, command in LINES))) <= set(VARIABLES)


def test_all_lines_take_one_lock():
    assert all("flock " in command and '"$LOCK"' in command for _, command in LINES)


def test_the_lines_do_what_they_say_one_after_the_other(place):
    for command, added in [(BUILD, ("transform", "completed")), (RUN, ("transform", "completed"))]:
        before = runs(place) if command == RUN else []
        done = cron(command, place)
        assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
        assert runs(place) == [*before, added]
    done = cron(RETENTION, place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert ("retention", "completed") in runs(place)
    done = cron(VERIFY, place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "Sound: " in (place / "verified.txt").read_text()


def test_what_does_not_agree_comes_by_mail(place, tmp_path):
    shutil.copytree(place / "objects", tmp_path / "objects")
    sorted((tmp_path / "objects/events_raw").rglob("*.parquet"))[1].unlink()
    done = cron(VERIFY, place, INGEST_STORE=str(tmp_path / "objects"))
    assert "NOT SOUND: 1 discrepancies" in done.stdout


def test_what_can_not_run_comes_by_mail(place):
    for command in (RETENTION, VERIFY):
        done = cron(command, place, INGEST_STORE=str(place / "no-such-folder"))
        assert "error: there is no folder" in done.stdout + done.stderr, command


def test_a_run_leaves_out_its_turn_while_another_is_at_work(place):
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = runs(place)
        done = cron(RUN, place)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert runs(place) == before


@pytest.mark.parametrize(("broken", "code"), [("raw", 1), ("path", 2)])
def test_dbt_tells_failed_models_from_what_could_not_run(place, tmp_path, broken, code):
    """docs/deployment.md says so, and the Kubernetes job tries the second kind again."""
    warehouse = tmp_path / "warehouse.duckdb"
    if broken == "raw":
        shutil.copy(place / "warehouse.duckdb", warehouse)
        Warehouse(tmp_path).rows("alter table raw.raw_events drop column _raw")
    else:
        warehouse = tmp_path / "not/there.duckdb"
    done = cron(RUN, place, DUCKDB_PATH=str(warehouse))
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout + done.stderr, "cron mails it"
    if broken == "raw":
        [last] = Warehouse(tmp_path).rows(
            "select status, error_message from analytics.etl_job_status order by started_at desc limit 1"
        )
        assert last[0] == "failed"
        assert "base_raw_events" in last[1]
