"""Each exit code of docs/operations.md, over the command line, by the thing that it is for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_security import ingest

EVENT = '{"event_id":"e","event_type":"t","timestamp":0,"learner_id":"l"}\n'


@pytest.fixture(name="env")
def environment(embedded_broker, tmp_path) -> dict[str, str]:
    """A topic of its own, with one event in it."""
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": embedded_broker,
        "KAFKA_TOPIC_EVENTS_RAW": tmp_path.name.replace("_", "-"),
        "INGEST_STORE": "objects",
    }
    produce(EVENT, tmp_path, env)
    return env


def produce(text: str, folder: Path, env: dict[str, str]) -> None:
    (folder / "lines").write_text(text)
    code, _, errors = ingest("produce", "lines", folder=folder, **env)
    assert code == 0, errors


def test_0_done(env, tmp_path):
    code, output, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert code == 0, errors
    assert "Traceback" not in errors
    assert output


def test_1_finished_with_failures(env, tmp_path):
    produce("no event\n", tmp_path, env)
    code, _, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert code == 1, errors
    stored = next((tmp_path / "objects").rglob("partition=*/*.parquet"))
    stored.write_bytes(b"no longer Parquet")
    code, _, errors = ingest("load", folder=tmp_path, **env)
    assert (code, "object_failed" in errors) == (1, True), errors


@pytest.mark.parametrize(
    "words",
    [
        ("no-such-command",),
        ("consume", "--no-such-option"),
        ("consume", "--max-records", "0"),
        ("consume", "--batch-size", "0"),
        ("load", "--store", "no-such-folder"),
        ("produce", "no-such-file"),
    ],
)
def test_2_usage_or_settings(words, tmp_path):
    code, output, errors = ingest(*words, folder=tmp_path)
    assert (code, output) == (2, "")
    assert errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("consume", "--bootstrap-servers", "127.0.0.1:1"), "KAFKA_BOOTSTRAP_SERVERS"),
        (("consume", "--store", "/proc/no/such"), "/proc/no/such"),
        (("load", "--warehouse", "/proc/no/such.duckdb"), "/proc/no"),
        (("doctor", "--bootstrap-servers", "127.0.0.1:1"), "KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_3_a_dependency_is_away_or_refuses(words, names, env, tmp_path):
    (tmp_path / "objects").mkdir(exist_ok=True)
    code, output, errors = ingest(*words, folder=tmp_path, **env)
    assert code == 3, errors
    assert names in output + errors
    assert "next:" in output + errors
    assert "Traceback" not in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("words", [("config",), ("config", "--output", "json"), ("doctor",), ("config", "--help")])
def test_3_the_output_cannot_be_written(words, tmp_path):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "ingest", *words]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3, done.stderr
    lines = done.stderr.splitlines()
    assert [line[:6] for line in lines] == ["error:", "next: "], done.stderr
    assert "No space left on device" in lines[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_and_a_log_that_cannot_be_written_are_no_bug(tmp_path):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "ingest", "config"]
        assert subprocess.run(command, cwd=tmp_path, stdout=full, stderr=full, check=False).returncode == 3


@pytest.mark.parametrize("words", [("config",), ("config", "--output", "json"), ("doctor",), ("--version",)])
def test_141_nobody_reads_the_output(words, tmp_path):
    """The reader is gone before the first word; `doctor` leaves by another way than `config`."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "ingest", *words]
    done = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_4_what_is_stored_contradicts_itself(env, tmp_path):
    code, _, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert code == 0, errors
    (stored,) = (tmp_path / "objects").rglob("partition=*/*.parquet")
    stored.rename(stored.with_name(f"{7:020}.parquet"))
    code, output, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert (code, output) == (4, ""), errors
    assert "next:" in errors
    assert "Traceback" not in errors


def test_5_a_bug(tmp_path):
    """A driver that breaks a command from outside: what follows is the real way of an unforeseen error."""
    driver = (
        "import sys, ingest.cli, ingest.store\n"
        "def broken(*_, **__): raise ZeroDivisionError('a bug of the test')\n"
        "ingest.store.open_store = broken\n"
        "sys.argv = ['ingest', 'consume', '--store', 'objects']\n"
        "ingest.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", driver], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (5, "")
    assert "ZeroDivisionError: a bug of the test" in done.stderr
    assert "error: this is a bug in ingest" in done.stderr
    assert "next:  report it" in done.stderr
