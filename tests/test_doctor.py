"""The doctor: how checks are run, what each makes of what it finds, and the command over real parts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from infra.kafka import broker
from ingest import surroundings
from ingest.checkup import KafkaCheckup, Wanted, address, record_size, retention, rights
from ingest.cluster import Cluster
from ingest.database import query
from ingest.doctor import Check, Checked, Finding, State, examine, exit_code, failed, ok, skipped, warning
from ingest.endpoint import Endpoint, health_at, json_page
from ingest.errors import SettingsError, StoreRefused
from ingest.kafka import Producer, client_settings, ensure_topic
from ingest.s3 import S3Store
from ingest.store import open_store
from tests.fixtures_s3 import s3_credentials  # noqa: F401
from tests.locking import held_elsewhere
from tests.services.kafka import require_java
from tests.services.secure_kafka import SecureKafka
from tests.store.careless import Careless

HOUR = 3_600_000


def raising(error: Exception) -> Finding:
    raise error


# --- how checks are run ---------------------------------------------------------------------------------------


def test_a_failure_skips_what_needs_it_and_nothing_else():
    checks = [
        Check("a", lambda: failed("broken", "mend it")),
        Check("b", lambda: ok("never asked"), ("a",)),
        Check("c", lambda: ok("never asked"), ("b",)),
        Check("d", lambda: warning("odd", "look")),
        Check("e", lambda: ok("fine"), ("d",)),
    ]
    found = list(examine(checks, 5))
    assert [one.name for one in found] == list("abcde")
    assert [str(one.finding.state) for one in found] == ["failed", "skipped", "skipped", "warning", "ok"]
    assert found[1].finding.said == "needs: a"
    assert exit_code(found) == 3


def test_whatever_a_check_raises_is_a_finding():
    checks = [
        Check("setting", lambda: raising(SettingsError("no such name", "mend it"))),
        Check("store", lambda: raising(StoreRefused("no such bucket", "make it"))),
        Check("library", lambda: raising(ModuleNotFoundError("x", name="duckdb"))),
        Check("bug", lambda: raising(KeyError("hunter2"))),
    ]
    found = {one.name: one.finding for one in examine(checks, 5)}
    assert found["setting"] == Finding(State.FAILED, "no such name", "mend it", 2)
    assert found["store"] == Finding(State.FAILED, "no such bucket", "make it", 3)
    assert found["library"] == skipped("duckdb is not installed")
    assert "KeyError" in found["bug"].said
    assert "hunter2" not in found["bug"].said
    assert exit_code([Checked("x", found["store"]), Checked("y", found["setting"])]) == 2
    assert exit_code([Checked("x", found["library"])]) == 0


def test_a_check_that_hangs_is_left_behind():
    release, started = threading.Event(), time.monotonic()
    found = list(examine([Check("slow", lambda: ok(str(release.wait(60)))), Check("next", lambda: ok("fine"))], 0.2))
    assert time.monotonic() - started < 5
    release.set()
    assert "no answer within 0.2 s" in found[0].finding.said
    assert found[1].finding == ok("fine")


# --- what is made of what is found ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "state", "says"),
    [
        ({"retention.ms": str(7 * 24 * HOUR)}, "ok", "7.0 days"),
        ({"retention.ms": "-1"}, "ok", "for ever"),
        ({"retention.ms": str(2 * HOUR)}, "warning", "2.0 h"),
        ({"retention.ms": "-1", "retention.bytes": "1000"}, "warning", "retention.bytes=1000"),
        ({"retention.ms": "-1", "cleanup.policy": "compact"}, "warning", "older ones vanish"),
        ({"retention.ms": "-1", "cleanup.policy": "compact,delete"}, "warning", "cleanup.policy=compact,delete"),
    ],
)
def test_retention(config, state, says):
    found = retention(config)
    assert (str(found.state), says in found.said) == (state, True), found
    assert bool(found.remedy) == (state != "ok")


def test_a_topic_may_take_more_than_we_do():
    assert record_size({"max.message.bytes": "1048588"}, 1 << 20).state is State.OK, "Kafka's default beside ours"
    found = record_size({"max.message.bytes": "20971520"}, 1 << 20)
    assert found.state is State.WARNING
    assert "MAX_RECORD_BYTES=20971520" in found.remedy


def test_rights():
    assert rights(None, "topic t").state is State.SKIPPED
    assert rights(frozenset({"READ"}), "topic t").state is State.OK
    found = rights(frozenset({"DESCRIBE"}), "topic t")
    assert (found.state, "READ on topic t" in found.remedy) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("h:1", ("h", 1)),
        ("h", ("h", 9092)),
        ("SASL_SSL://h:1/", ("h", 1)),
        ("[::1]:1", ("::1", 1)),
        ("[::1]", ("::1", 9092)),
    ],
)
def test_an_address_of_a_broker(text, place):
    assert address(text) == place


def test_the_stores_clock():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert surroundings.store_clock(None, now).state is State.SKIPPED
    assert surroundings.store_clock(now + timedelta(seconds=59), now).state is State.OK
    assert "900 s apart" in surroundings.store_clock(now - timedelta(seconds=900), now).said


def test_the_store_tells_the_time(s3, credentials):
    s3.create_bucket("clock-check")
    store = open_store("s3://clock-check", endpoint_url=s3.url, region="us-west-2")
    assert isinstance(store, S3Store)
    told = store.server_time()
    assert told is not None
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_store_that_breaks_its_word_is_a_failure(tmp_path):
    [found] = examine([Check("store", lambda: surroundings.store(Careless()))], 5)
    assert found.finding.state is State.FAILED
    assert "conditional writes" in found.finding.said
    assert surroundings.store(open_store(str(tmp_path))).state is State.OK


def test_a_port(embedded_broker):
    taken = int(embedded_broker.split(":")[1])
    assert surroundings.port("127.0.0.1", 0, health_at).state is State.SKIPPED
    assert surroundings.port("127.0.0.1", broker.free_port(), health_at).state is State.OK
    found = surroundings.port("127.0.0.1", taken, lambda host, port: None)
    assert (found.state, "HTTP_PORT" in found.remedy) == (State.WARNING, True)
    with Endpoint("127.0.0.1", 0, {"/health": lambda: json_page(HTTPStatus.OK, {"status": "ok"})}) as ours:
        found = surroundings.port("127.0.0.1", ours.port, health_at)
    assert (found.state, "its /health says ok" in found.said) == (State.OK, True)


def test_a_disk(tmp_path, monkeypatch):
    assert surroundings.disk(tmp_path / "not" / "there").state is State.OK
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=7 << 20))
    full = surroundings.disk(tmp_path)
    assert (full.state, "7.0 MiB" in full.said) == (State.WARNING, True)
    assert surroundings.disk(tmp_path, 7 << 20).state is State.WARNING
    short = surroundings.disk(tmp_path, (7 << 20) + 1)
    assert (short.state, "MAX_BATCH_BYTES" in short.said, bool(short.remedy)) == (State.FAILED, True, True)


def test_a_warehouse(tmp_path):
    path = tmp_path / "data" / "warehouse.duckdb"
    assert "not there yet" in surroundings.warehouse(path, query).said
    path.parent.mkdir()
    with held_elsewhere(path) as holder:
        found = surroundings.warehouse(path, query)
        assert (found.state, f"PID {holder.pid}" in found.said) == (State.WARNING, True), found
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(10)
    assert surroundings.warehouse(path, query) == ok(f"{path} can be opened")
    path.write_text("no database")
    [broken] = examine([Check("warehouse", lambda: surroundings.warehouse(path, query))], 5)
    assert (broken.finding.state, broken.finding.code) == (State.FAILED, 3)
    assert surroundings.warehouse(path / "below.duckdb", query).state is State.FAILED


# --- the command ----------------------------------------------------------------------------------------------


def doctor(*words: str, folder: Path, code: int = 0, **env: str) -> dict[str, tuple[str, str]]:
    """Each check's state and what was said, with what is to be done."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_", "INGEST_"))}
    command = [sys.executable, "-m", "ingest", "doctor", "--store", "objects", "--output", "json", *words]
    done = subprocess.run(
        command,
        cwd=folder,
        env=own | {"HTTP_PORT": "0"} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert sum(found["counts"].values()) == len(found["checks"])
    return {one["check"]: (one["state"], f"{one['said']} {one['next']}") for one in found["checks"]}


def test_all_is_well_on_one_machine(embedded_broker, tmp_path):
    env = {"KAFKA_BOOTSTRAP_SERVERS": embedded_broker, "KAFKA_TOPIC_EVENTS_RAW": "doctors"}
    found = doctor(folder=tmp_path, **env)
    assert {state for state, _ in found.values()} == {"ok", "skipped"}
    assert "embedded broker" in found["sign-in"][1]
    assert found["group"] == ("skipped", "the embedded broker has no admin API ")
    assert found["store"][0] == found["versions"][0] == found["dbt"][0] == "ok"
    assert "librdkafka" in found["versions"][1]


def test_a_store_without_room_for_a_batch_is_a_failure(embedded_broker, tmp_path):
    most = str(1 << 60)
    env = {"KAFKA_BOOTSTRAP_SERVERS": embedded_broker, "MAX_BATCH_BYTES": most, "MAX_BUFFER_BYTES": most}
    found = doctor(folder=tmp_path, code=3, **env)
    assert found["store"][0] == "ok"
    assert found["store: disk"][0] == "failed"
    assert "MAX_BATCH_BYTES" in found["store: disk"][1]


@pytest.mark.parametrize(
    ("words", "env", "says"),
    [
        ((), {"BATCHSIZE": "1"}, "BATCHSIZE is no setting: did you mean BATCH_SIZE?"),
        ((), {"HTTP_PORT": "x"}, "HTTP_PORT (environment)"),
        ((), {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_MECHANISM"),
        (("--kafka-config", "x"), {}, "expected NAME=VALUE"),
        (("--store", "ftp://x"), {}, "ftp"),
    ],
)
def test_wrong_settings_are_a_failed_check_and_skip_all_others(words, env, says, tmp_path):
    found = doctor(*words, folder=tmp_path, code=2, **env)
    assert found["settings"][0] == "failed"
    assert says in found["settings"][1]
    assert found.keys() == {"settings", "all other checks"}
    assert found["all other checks"] == ("skipped", "needs: settings ")


def test_people_read_it_line_by_line(embedded_broker, tmp_path):
    command = [sys.executable, "-m", "ingest", "doctor", "--store", "objects", "--bootstrap-servers", "127.0.0.1:1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 3
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert any(line.startswith("failed   broker ") and "Connection refused" in line for line in lines)
    assert any("next: Is the broker running there? See KAFKA_BOOTSTRAP_SERVERS." in line for line in lines)
    assert any(line.startswith("skipped  sign-in ") and line.endswith("needs: broker") for line in lines)
    assert any(line.startswith("ok       store ") for line in lines), "the others are asked all the same"


def test_one_of_several_brokers_is_away(embedded_broker, tmp_path):
    found = doctor(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=f"{embedded_broker},127.0.0.1:1")
    assert found["broker"][0] == "warning"
    assert "127.0.0.1:1 (Connection refused)" in found["broker"][1]
    assert found["sign-in"][0] == "ok"


def test_a_broker_that_never_answers_is_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        found = doctor("--timeout", "2", folder=tmp_path, code=3, KAFKA_BOOTSTRAP_SERVERS=address)
    assert time.monotonic() - started < 20
    assert found["broker"][0] == "ok"
    assert found["sign-in"][0] == "failed"


def test_a_property_that_the_client_refuses_is_a_setting(embedded_broker, tmp_path):
    words = ("--kafka-config", "fetch.wait.max=1")
    found = doctor(*words, folder=tmp_path, code=2, KAFKA_BOOTSTRAP_SERVERS=embedded_broker)
    assert found["sign-in"][0] == "failed"
    assert "fetch.wait.max.ms" in found["sign-in"][1]


@pytest.mark.kafka
def test_what_kafka_says_of_topics_and_groups(secure: SecureKafka, tmp_path):
    settings = client_settings(secure.plain)
    for topic in ("good", "short"):
        ensure_topic(settings, topic, 3, 20)
    changed = [ConfigEntry("retention.ms", str(HOUR), incremental_operation=AlterConfigOpType.SET)]
    resource = ConfigResource(ConfigResource.Type.TOPIC, "short", incremental_configs=changed)
    secure.admin.incremental_alter_configs([resource])[resource].result(20)
    with Producer(settings, "good") as producer:
        producer.send(b"k", b"v")
    with Producer(settings, "short") as producer:
        producer.send(b"k", b"v", int(time.time() * 1000) + HOUR)
    env = secure.scram() | {"KAFKA_TOPIC_EVENTS_RAW": "good,short,goot", "MAX_RECORD_BYTES": "20971520"}
    found = doctor(folder=tmp_path, code=3, **env)
    for check in ("", ": id", ": rights", ": retention", ": record size", ": newest record"):
        assert found[f"topic good{check}"][0] == "ok", found
    assert "3 partitions" in found["topic good"][1]
    assert found["topic short: retention"][0] == "warning"
    assert "1.0 h" in found["topic short: retention"][1]
    assert found["topic short: newest record"][0] == "warning"
    assert "ahead of this clock" in found["topic short: newest record"][1]
    assert found["topic goot"][0] == "failed"
    assert "did you mean good?" in found["topic goot"][1]
    assert found["topic goot: rights"][0] == "skipped"
    assert found["group"][0] == found["advertised brokers"][0] == "ok"


@pytest.mark.kafka
def test_what_a_user_may_not_do(secure: SecureKafka, tmp_path):
    ensure_topic(client_settings(secure.plain), "guarded", 2, 20)
    secure.add_user("dora")
    secure.allow("dora", AclOperation.DESCRIBE, ResourceType.TOPIC, "guarded")
    secure.allow("dora", AclOperation.DESCRIBE, ResourceType.GROUP, "etl-snowflake")
    env = secure.scram("dora") | {"KAFKA_TOPIC_EVENTS_RAW": "guarded"}
    found = doctor(folder=tmp_path, code=3, **env)
    assert found["topic guarded"][0] == "ok"
    assert found["topic guarded: rights"][0] == found["group"][0] == "failed"
    assert "READ on topic guarded" in found["topic guarded: rights"][1]
    assert "READ on group etl-snowflake" in found["group"][1]
    assert found["topic guarded: retention"][0] == "skipped"
    assert "DESCRIBE_CONFIGS" in found["topic guarded: retention"][1]


@pytest.mark.kafka
def test_a_wrong_password_fails_the_sign_in_alone(secure: SecureKafka, tmp_path):
    env = secure.scram() | {"KAFKA_SASL_PASSWORD": "wrong"}
    found = doctor("--timeout", "4", folder=tmp_path, code=3, **env)
    assert found["broker"][0] == "ok"
    assert found["sign-in"][0] == "failed"
    assert "KAFKA_SASL_PASSWORD" in found["sign-in"][1]
    assert found["group"][0] == "skipped"
    assert found["store"][0] == "ok"


@pytest.mark.kafka
def test_a_doubtful_setting_is_a_warning(secure: SecureKafka, tmp_path):
    words = ("--kafka-config", "ssl.endpoint.identification.algorithm=none")
    found = doctor(*words, folder=tmp_path, code=3, **secure.scram())
    assert found["settings"][0] == "warning"
    assert found["sign-in"][0] == "ok"


@pytest.mark.kafka
def test_a_cluster_that_sends_its_clients_elsewhere(tmp_path):
    """The usual fault of brokers in containers: the first answer comes, and nothing after it."""
    require_java()
    home, port, nobody = broker.Home(tmp_path / "kafka"), broker.free_port(), broker.free_port()
    more = f"\nadvertised.listeners=PLAINTEXT://127.0.0.1:{nobody}\n"
    process = broker.start(home, port, broker.free_port(), more)
    try:
        settings = client_settings(f"127.0.0.1:{port}")
        wanted = Wanted(f"127.0.0.1:{port}", ("t",), "g", None, 1)
        checkup = KafkaCheckup(wanted, lambda: Cluster(settings, 5), lambda: 0, 5)
        found = {one.name: one.finding for one in examine(list(checkup.checks())[:3], 8)}
    finally:
        broker.stop(home)
        process.wait(10)
    assert found["sign-in"].state is State.OK
    assert found["advertised brokers"].state is State.FAILED
    assert f"127.0.0.1:{nobody} (Connection refused)" in found["advertised brokers"].said
    assert "advertised.listeners" in found["advertised brokers"].remedy
