"""infra/kafka/broker.py, as people and `make kafka-up` call it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.kafka import broker
from ingest.kafka import client_settings, ensure_topic
from tests.services.kafka import absent

SCRIPT = Path(broker.__file__)


def call(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = None if path is None else {"PATH": path}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)


@pytest.mark.kafka
def test_up_is_ready_up_again_is_the_same_and_down_is_gone(kafka_broker: str, tmp_path: Path) -> None:
    where, port = ("--dir", str(tmp_path / "broker")), broker.free_port()
    first = call("up", "--port", str(port), *where)
    try:
        assert (first.returncode, first.stdout) == (0, f"127.0.0.1:{port}\n"), first.stderr
        assert f"127.0.0.1:{port}" != kafka_broker
        assert ensure_topic(client_settings(first.stdout.strip()), "events", 1, 10) == 1
        pid = broker.running(broker.Home(tmp_path / "broker"))
        assert call("up", "--port", str(port), *where).stdout == first.stdout
        assert broker.running(broker.Home(tmp_path / "broker")) == pid
        other = call("up", "--port", "1", *where)
        assert (other.returncode, other.stdout) == (3, "")
        assert f"already runs on port {port}" in other.stderr
    finally:
        assert call("down", *where).stderr == "stopped\n"
    assert not broker.answers(port)
    assert "no broker" in call("down", *where).stderr


@pytest.mark.kafka
def test_a_taken_port_is_told(kafka_broker: str, tmp_path: Path) -> None:
    refused = call("up", "--port", kafka_broker.split(":")[1], "--dir", str(tmp_path))
    assert refused.returncode == 3
    assert "Choose another --port" in refused.stderr


def test_without_java_it_says_what_to_install(tmp_path: Path) -> None:
    refused = call("up", "--port", str(broker.free_port()), "--dir", str(tmp_path / "broker"), path=str(tmp_path))
    assert refused.returncode == 3
    assert "no java in PATH" in refused.stderr
    assert "apt install" in refused.stderr
    assert not (tmp_path / "broker").exists()


def test_without_maven_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SCRIPT.with_name("pom.xml"), tmp_path)
    monkeypatch.setattr(broker, "HERE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(broker.Fault, match="Install Maven"):
        broker.classpath()


def test_down_leaves_a_process_that_is_no_broker_alone(tmp_path: Path) -> None:
    home = broker.Home(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        home.pid_file.write_text(f"{bystander.pid}\n")
        try:
            assert not broker.stop(home)
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_missing_broker_skips_here_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="no java"):
        absent("no java")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no java"):
        absent("no java")
