#!/usr/bin/env python3
"""A one-node Apache Kafka broker on 127.0.0.1, from Maven Central's jars: for tests, demos and development.

    broker.py up   [--port 9092] [--dir .kafka]    start in the background, wait until it answers
    broker.py down [--dir .kafka]                  stop that one, within 30 s
    broker.py run  [--port 9092] [--dir .kafka]    in the foreground, until Ctrl-C

It is the reference that `ingest` is tested against: KRaft without ZooKeeper, broker and controller in one
JVM, every replication factor 1, records up to 20 MiB. Topics are *not* made by being named
(`auto.create.topics.enable=false`), so a misspelled topic is an error here as it is in production.

Data, settings, log and pid live in `--dir`; another directory and port is another broker beside the first.
Needs Java 17 or newer and Maven, and nothing of Python beyond the standard library. Exit codes: 0 ok,
2 usage, 3 something it depends on is missing or refuses.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import NamedTuple, NoReturn

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
JAVA_AT_LEAST = 17
START_SECONDS = 90.0
STOP_SECONDS = 30.0

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}

auto.create.topics.enable=false
num.partitions=4
message.max.bytes=20971520
replica.fetch.max.bytes=20971520
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=16777216
"""


class Fault(Exception):  # noqa: N818 - it is what the user reads, not an error of this script
    """What is wrong, and what to do about it. Ends the script with exit code 3."""


class Home(NamedTuple):
    """The directory of one broker, and what is where in it."""

    path: Path

    @property
    def settings(self) -> Path:
        """Kafka's own properties file, written anew at every start."""
        return self.path / "server.properties"

    @property
    def data(self) -> Path:
        """The log directory: topics and the cluster's metadata."""
        return self.path / "data"

    @property
    def log(self) -> Path:
        """What the JVM printed since the last `up`."""
        return self.path / "broker.log"

    @property
    def pid_file(self) -> Path:
        """The JVM's process id, while it is meant to be running."""
        return self.path / "broker.pid"


def java() -> str:
    """Find a Java that is new enough; answer its path."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        where = "JAVA_HOME" if home else "PATH"
        raise Fault(f"no java in {where}. Install {JAVA_AT_LEAST} or newer: apt install openjdk-17-jre-headless")
    answer = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        raise Fault(f"{found} is not Java {JAVA_AT_LEAST} or newer. Install one and point JAVA_HOME at it")
    return found


def classpath() -> str:
    """Join the jars of pom.xml for `java -cp`; Maven is asked only when the pom or its cache changed."""
    pom = HERE / "pom.xml"
    cached = HERE / "target" / f"classpath-{hashlib.sha256(pom.read_bytes()).hexdigest()[:16]}.txt"
    if not _complete(cached):
        cached.parent.mkdir(exist_ok=True)
        with cached.with_suffix(".lock").open("w") as lock:  # two Mavens at once spoil what they download
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _complete(cached):
                draft = cached.with_suffix(".draft")
                _maven("-f", str(pom), "dependency:build-classpath", f"-Dmdep.outputFile={draft}")
                draft.replace(cached)
    return cached.read_text()


def _complete(classpath: Path) -> bool:
    """Whether this file is there, and all jars that it names."""
    return classpath.exists() and all(Path(jar).exists() for jar in classpath.read_text().split(os.pathsep))


def _maven(*arguments: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Fault("no mvn in PATH. Install Maven: apt install maven")
    ran = subprocess.run([maven, "-B", "-q", *arguments], capture_output=True, text=True, check=False)
    if ran.returncode:
        said = _tail(ran.stdout + ran.stderr)
        raise Fault(f"Maven can't get the broker's jars: is Maven Central, or your mirror, reachable?\n{said}")


def missing() -> str | None:
    """Why no broker can be started here, or None. For tests, which then skip with this reason."""
    try:
        java()
        classpath()
    except Fault as fault:
        return str(fault)
    return None


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody listens on at this moment.

    It is below those that systems hand out by themselves: until the caller listens there, no connection is given it.
    """
    while True:
        port = random.randrange(10_000, 32_768)  # noqa: S311 - chance, not secrets
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


def prepare(home: Home, port: int, controller_port: int, more: str = "", options: tuple[str, ...] = ()) -> list[str]:
    """Write the settings, format the storage if it is new, and answer the command that starts the broker.

    `more` are properties that win over ours; `options` go to the JVM.
    """
    _require_free(port)
    command = [java(), "-Xmx768m", *options, f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"]
    command += ["-cp", classpath()]
    home.path.mkdir(parents=True, exist_ok=True)
    values = {"host": HOST, "port": port, "controller_port": controller_port, "data": home.data.resolve()}
    home.settings.write_text(SETTINGS.format(**values) + more)
    if not (home.data / "meta.properties").exists():
        _format(command, home)
    return [*command, "kafka.Kafka", str(home.settings.resolve())]


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Fault(f"{HOST}:{port} can't be had ({error.strerror}). Choose another --port") from error


def _format(command: list[str], home: Home) -> None:
    cluster = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
    tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(home.settings)]
    ran = subprocess.run([*command, *tool], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Fault(f"Kafka can't format {home.data}:\n{_tail(ran.stdout + ran.stderr)}")


def start(
    home: Home, port: int, controller_port: int, more: str = "", options: tuple[str, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start a broker in the background and wait until it answers on `port`; see `prepare`."""
    command = prepare(home, port, controller_port, more, options)
    with home.log.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    home.pid_file.write_text(f"{process.pid}\n")
    try:
        _wait(process, home, port)
    except BaseException:
        stop(home)
        raise
    return process


def _wait(process: subprocess.Popen[bytes], home: Home, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(port):
        if process.poll() is not None:
            raise Fault(f"the broker ended at once; {home.log} says:\n{_tail(home.log.read_text())}")
        if time.monotonic() > deadline:
            raise Fault(f"the broker does not answer after {START_SECONDS:.0f} s; see {home.log}")
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether a Kafka broker answers an ApiVersions request on this port."""
    client, correlation = b"broker.py", 7
    body = struct.pack(f">hhih{len(client)}s", 18, 0, correlation, len(client), client)
    try:
        with socket.create_connection((HOST, port), timeout=2) as link:
            link.sendall(struct.pack(">i", len(body)) + body)
            head = link.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 10 and struct.unpack(">iih", head)[1:] == (correlation, 0)


def running(home: Home) -> int | None:
    """Answer the id of this directory's broker, if that process lives and is indeed a broker of it."""
    try:
        pid = int(home.pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    ps = ["ps", "-o", "stat=,args=", "-ww", "-p", str(pid)]
    seen = subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()
    return pid if seen.endswith(str(home.settings.resolve())) and not seen.startswith("Z") else None


def stop(home: Home) -> bool:
    """Stop this directory's broker: politely, then after a bound by force. False if none was running."""
    pid = running(home)
    if pid is not None:
        _end(home, pid)
    home.pid_file.unlink(missing_ok=True)
    return pid is not None


def kill(home: Home) -> bool:
    """End this directory's broker as a crash would; what it had acknowledged is there at the next `start`."""
    pid = running(home)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    return pid is not None


def _end(home: Home, pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running(home) and time.monotonic() < deadline:
            time.sleep(0.1)
        if running(home):
            os.kill(pid, signal.SIGKILL)


def _port_of(home: Home) -> int:
    found = re.search(r"^listeners=PLAINTEXT://[^:]+:(\d+)", home.settings.read_text(), re.MULTILINE)
    if found is None:
        raise Fault(f"{home.settings} is not ours; choose another --dir")
    return int(found[1])


def up(home: Home, port: int) -> None:
    """Start in the background, or find it running already; print the address to connect to."""
    if running(home) is None:
        start(home, port, free_port())
    elif (actual := _port_of(home)) != port:
        raise Fault(f"the broker of {home.path} already runs on port {actual}: take it down, or another --dir")
    sys.stdout.write(f"{HOST}:{port}\n")


def down(home: Home, _port: int) -> None:
    """Stop it, and say whether there was anything to stop."""
    sys.stderr.write("stopped\n" if stop(home) else f"no broker of {home.path} is running\n")


def run(home: Home, port: int) -> NoReturn:
    """Become the broker: this process is replaced by the JVM, so signals reach it directly."""
    if running(home) is not None:
        raise Fault(f"the broker of {home.path} already runs: take it down, or choose another --dir")
    command = prepare(home, port, free_port())
    home.pid_file.write_text(f"{os.getpid()}\n")
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-8:])


def main() -> int:
    """Parse the command line and do it."""
    parser = argparse.ArgumentParser(description="a one-node Apache Kafka broker on 127.0.0.1")
    parser.add_argument("command", choices=("up", "down", "run"))
    parser.add_argument("--port", type=int, default=9092, help="port of the broker (default: 9092)")
    parser.add_argument("--dir", type=Path, default=Path(".kafka"), help="its directory (default: .kafka)")
    chosen = parser.parse_args()
    home = Home(chosen.dir)
    try:
        {"up": up, "down": down, "run": run}[chosen.command](home, chosen.port)
    except Fault as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
