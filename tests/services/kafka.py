"""Brokers for tests: Apache Kafka, and the embedded one in a process of its own.

Both start at most once a session. Import the fixtures in a conftest, nowhere else (each import of a fixture
is another broker). Apache Kafka is the same for all workers of a run: name topics and groups with `OWN` in them.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import pytest

from infra.kafka import broker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_EMBEDDED = """
import sys, threading
from ingest.embedded import serve
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
serve(lambda address: print(address, flush=True), stop)
"""


#: Part of the name of what a worker has on a broker that it shares with the others; empty if there is no other.
OWN = os.environ.get("PYTEST_XDIST_WORKER", "")


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of an Apache Kafka of this run's own.

    Skipped where Java, Maven or the jars can't be had; under CI=true that is a failure.
    """
    folder = tmp_path_factory.getbasetemp()
    with shared_broker((folder.parent if OWN else folder) / "kafka") as bootstrap:
        yield bootstrap


@contextmanager
def shared_broker(folder: Path) -> Iterator[str]:
    """One Apache Kafka for all who name this folder: who comes first starts it, who leaves last stops it."""
    require_java()
    folder.mkdir(exist_ok=True)
    home, address = broker.Home(folder / "broker"), folder / "address"
    with (folder / "door").open("w") as door, (folder / "users").open("w") as users:
        with _locked(door):
            if broker.running(home) is None:
                address.write_text(_start_in_background(home))
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield address.read_text()
        finally:
            with _locked(door):
                if _alone(users):
                    broker.stop(home)


def _start_in_background(home: broker.Home) -> str:
    """Start a broker that outlives this process, and answer its address."""
    command = [sys.executable, broker.__file__, "up", "--port", str(broker.free_port()), "--dir", str(home.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def _locked(file: IO[str]) -> Iterator[None]:
    """Hold the file's lock, which ends with the process too."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _alone(users: IO[str]) -> bool:
    """Whether nobody else has the file's lock; it is no longer ours after that."""
    fcntl.flock(users, fcntl.LOCK_UN)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def require_java() -> None:
    """End the test where no broker can be had; see `absent`."""
    reason = broker.missing()
    if reason is not None:
        absent(reason)


@contextmanager
def own_broker(directory: Path) -> Iterator[Broker]:
    """An Apache Kafka that the caller may stop, kill and start again."""
    require_java()
    own = Broker(broker.Home(directory), broker.free_port(), broker.free_port())
    own.start()
    try:
        yield own
    finally:
        own.stop()


@dataclass
class Broker:
    """One broker, which comes back on the same port with the same data."""

    home: broker.Home
    port: int
    controller_port: int

    @property
    def bootstrap(self) -> str:
        return f"{broker.HOST}:{self.port}"

    def start(self) -> None:
        self._process = broker.start(self.home, self.port, self.controller_port)

    def revive(self) -> None:
        """Start it, unless it is running."""
        if broker.running(self.home) is None:
            self.start()

    def stop(self) -> None:
        broker.stop(self.home)
        self._process.wait(10)

    def kill(self) -> None:
        """SIGKILL: no leave-taking, no flush."""
        broker.kill(self.home)
        self._process.wait(10)


def absent(reason: str) -> None:
    """End the test: skipped with the reason, or failed where the broker is promised to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must run the tests of the real broker: {reason}", pytrace=False)
    pytest.skip(f"no real broker: {reason}")


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[str]:
    """The bootstrap address of an embedded broker in another process."""
    with own_embedded_broker() as (bootstrap, _):
        yield bootstrap


@contextmanager
def own_embedded_broker() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The bootstrap address of an embedded broker, and its process, which ends when its stdin closes."""
    with subprocess.Popen(
        [sys.executable, "-c", _EMBEDDED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip(), process
        process.stdin.close()
        assert process.wait(10) == 0
