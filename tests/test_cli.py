"""The command line as a process: what people and scripts see."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.cli.tasks import TASKS
from tests.running import Pipeline, eventually
from tests.services.s3 import CREDENTIALS, s3_server

COMMANDS = [
    "config",
    "consume",
    "doctor",
    "produce",
    "load",
    "quarantine",
    "replay",
    "report",
    "verify",
    "status",
    "lookml",
    "broker",
    "demo",
]


def start(*words: str, folder: Path, stdin: int | None = None, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ingest", *words],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_"))} | env,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ingest(*words: str, folder: Path, text: str | None = None, **env: str) -> tuple[int, str, str]:
    process = start(*words, folder=folder, stdin=subprocess.PIPE if text else None, **env)
    output, errors = process.communicate(text, timeout=60)
    return process.returncode, output, errors


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_command_is_for(command, tmp_path):
    code, output, _ = ingest(command, "--help", folder=tmp_path)
    assert code == 0
    assert "Usage:" in output


def test_help_loads_nothing_heavy(tmp_path):
    heavy = {"polars", "boto3", "confluent_kafka", "duckdb", "ingest.settings", "msgspec", "structlog"}
    heavy |= {"altair", "jinja2"}
    code = (
        "import sys, ingest.cli\n"
        "sys.argv = ['ingest', 'consume', '--help']\n"
        "try: ingest.cli.app()\n"
        f"except SystemExit: print(sorted({heavy} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "env", "names"),
    [
        (("consume",), {"BATCH_SIZE": "many"}, "BATCH_SIZE"),
        (("consume", "--batch-size", "0"), {}, "BATCH_SIZE"),
        (("consume",), {"PARQUET_COMPRESSION": "brotli"}, "'snappy'"),
        (("consume",), {"BATCHSIZE": "10"}, "BATCH_SIZE"),
        (("consume", "--kafka-config", "nonsense"), {}, "NAME=VALUE"),
        (("consume", "--kafka-config", "no.such.property=1", "--store", "objects"), {}, "no.such.property"),
        (("consume", "--kafka-config", "enable.auto.commit=true", "--store", "objects"), {}, "enable.auto.commit"),
        (("consume", "--topic", ""), {}, "KAFKA_TOPIC_EVENTS_RAW"),
        (("consume", "--group", ""), {}, "KAFKA_CONSUMER_GROUP"),
        (("consume", "--store", "s3://[bucket"), {}, "s3://[bucket"),
        (("consume", "--store", "s3://b/.hidden"), {}, "s3://b/.hidden"),
        (("consume",), {"S3_ENDPOINT_URL": "http://[::1"}, "S3_ENDPOINT_URL"),
        (("consume",), {"SHUTDOWN_GRACE_SECONDS": "inf"}, "SHUTDOWN_GRACE_SECONDS"),
        (("load", "--store", "no-such-folder"), {}, "no-such-folder"),
        (("produce",), {}, "either a FILE or --synthetic"),
        (("produce", "no-such-file.ndjson"), {}, "no-such-file.ndjson"),
        (("produce", "document.json"), {}, "nothing was sent"),
    ],
)
def test_a_mistake_of_the_user_is_named_and_ends_with_2(words, env, names, tmp_path, embedded_broker):
    (tmp_path / "document.json").write_text('[\n  {"event_id": "e"}\n]\n')
    code, output, errors = ingest(*words, folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=embedded_broker, **env)
    assert (code, output) == (2, ""), errors
    assert names in errors
    assert "next:" in errors
    assert "Traceback" not in errors


def test_a_secret_is_never_printed(tmp_path):
    code, output, errors = ingest("consume", folder=tmp_path, KAFKA_SASL_PASSWORD="hunter2", BATCH_SIZE="hunter2")
    assert code == 2
    assert "hunter2" not in output + errors


def test_a_secret_in_the_stores_url_is_not_repeated(tmp_path):
    code, output, errors = ingest("consume", "--store", "s3://KEY:hunter2@bucket/p", folder=tmp_path)
    assert code == 2
    assert "hunter2" not in output + errors


def test_a_broker_that_is_not_there_ends_with_3(tmp_path):
    code, _, errors = ingest("consume", "--store", "objects", folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert code == 3
    assert "127.0.0.1:1" in errors or "refused" in errors
    assert "KAFKA_BOOTSTRAP_SERVERS" in errors


def test_a_bucket_that_is_not_there_ends_with_3(tmp_path, s3, embedded_broker):
    code, _, errors = ingest(
        "consume",
        folder=tmp_path,
        KAFKA_BOOTSTRAP_SERVERS=embedded_broker,
        S3_BUCKET_RAW_EVENTS="no-such-bucket",
        S3_ENDPOINT_URL=s3.url,
        **CREDENTIALS,
    )
    assert code == 3
    assert "no-such-bucket" in errors


def test_lines_from_stdin_go_to_the_topic_and_into_objects(tmp_path, embedded_broker):
    lines = '{"event_id":"a","event_type":"t","timestamp":0,"learner_id":"l"}\n\nnot json\n'
    env = {"KAFKA_BOOTSTRAP_SERVERS": embedded_broker, "KAFKA_TOPIC_EVENTS_RAW": "stdin"}
    code, output, errors = ingest("produce", "-", "--output", "json", folder=tmp_path, text=lines, **env)
    assert code == 0, errors
    assert json.loads(output)["records"] == 2
    code, output, _ = ingest("consume", "--once", "--store", "objects", "--output", "json", folder=tmp_path, **env)
    assert code == 1, "a bounded run with quarantined records says so"
    assert json.loads(output)["quarantined_by_reason"] == {"not_json": 1}
    code, output, _ = ingest("load", "--store", "objects", "--output", "json", folder=tmp_path)
    assert (code, json.loads(output)["rows"]) == (0, 2)


def reading(pipeline: Pipeline, *words: str, **env: str) -> subprocess.Popen[str]:
    """A consumer that has its partitions and has seen the ten records there are."""
    env |= {"KAFKA_BOOTSTRAP_SERVERS": pipeline.bootstrap, "KAFKA_TOPIC_EVENTS_RAW": pipeline.topic}
    with (pipeline.root / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", "consume", "--group", pipeline.topic, "--output", "json", *words],
            cwd=pipeline.root,
            env=os.environ | env,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    eventually(lambda: (pipeline.root / "log").read_text().count("partition_opened") == 4, seconds=60)
    time.sleep(2)
    return process


def test_the_first_signal_flushes_and_ends_with_0(tmp_path, embedded_broker):
    pipeline = Pipeline(embedded_broker, tmp_path)
    pipeline.produce(10)
    process = reading(pipeline, "--store", ".")
    assert pipeline.objects() == []
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(output)["records"] == 10
    pipeline.assert_sound(10)


def test_the_second_signal_leaves_at_once(tmp_path, embedded_broker):
    pipeline = Pipeline(embedded_broker, tmp_path)
    pipeline.produce(10)
    with s3_server() as server:
        server.create_bucket("gone")
        env = {"S3_ENDPOINT_URL": server.url, "S3_BUCKET_RAW_EVENTS": "gone"}
        process = reading(pipeline, **env, **CREDENTIALS)
    process.send_signal(signal.SIGTERM)
    time.sleep(2)
    assert process.poll() is None, "it still tries to store what it has"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=3)
    assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("command", ["verify", "status"])
def test_the_consumers_container_has_no_duckdb_and_can_look_at_its_store(command, tmp_path):
    (tmp_path / "objects").mkdir()
    words = [command, "--without", "broker", "--without", "warehouse", "--store", "objects"]
    code = f"import sys; sys.modules['duckdb'] = None; sys.argv[1:] = {words}; from ingest.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize("command", ["verify", "status"])
def test_without_duckdb_it_is_said_how_to_leave_the_warehouse_out(command, tmp_path):
    (tmp_path / "objects").mkdir()
    (tmp_path / "w.duckdb").touch()
    words = [command, "--without", "broker", "--warehouse", "w.duckdb", "--store", "objects"]
    code = f"import sys; sys.modules['duckdb'] = None; sys.argv[1:] = {words}; from ingest.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs duckdb" in done.stderr
    assert "--without warehouse" in done.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("consum",), "'consume'"),
        (("snowflake", "rendr"), "'render'"),
        (("consume", "--batchsize", "3"), "--batch-size"),
        (("verify", "--output", "jsn"), "'json'"),
    ],
)
def test_a_near_miss_is_told_what_was_meant(words, meant, tmp_path):
    code, output, errors = ingest(*words, folder=tmp_path)
    assert (code, output) == (2, "")
    assert meant in errors
    assert "Traceback" not in errors


def test_help_lists_the_commands_by_task_on_lines_that_fit(tmp_path):
    code, output, _ = ingest("--help", folder=tmp_path)
    assert code == 0
    assert re.findall(r"^(\S.*):$", output, re.M) == ["Options", *TASKS, "Examples"]
    assert max(map(len, output.splitlines())) <= 80


@pytest.mark.parametrize("words", [("--help",), ("doctor", "--timeout", "1"), ("consum",)])
def test_a_terminal_without_colours_gets_none(words, tmp_path):
    """And one with colours as well: there are none."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ingest", *words],
        cwd=tmp_path,
        env=os.environ | {"NO_COLOR": "1", "TERM": "xterm-256color", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    process.wait(30)
    assert len(said) > 50
    assert b"\033[" not in said.replace(b"\r\033[K", b""), "the line of progress is cleared, and nothing else"
