"""What has to be made before a run: the counting program in C, an environment for the peers, Bento."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.contestants import HERE, Tools

ENVIRONMENT = HERE.parent / ".venv-peers"
REQUIREMENTS = HERE / "requirements-peers.txt"
BENTO = HERE / "peers/bento"
Absent = dict[str, str]  #: `name` and `why`
NEVER: list[Absent] = [
    {
        "name": "Redpanda Connect",
        "why": "its source is not under an open licence as a whole, and could not be fetched where this was "
        "measured; Bento, the fork of it that is, stands for it",
    },
    {
        "name": "Kafka Connect",
        "why": "no sink of Parquet for it was found in Maven Central; its own file sink writes text",
    },
]


def made(folder: Path) -> tuple[Tools, list[Absent]]:
    """The tools, with programs in `folder`; and who is absent. Bento is apart: two minutes the first time."""
    peers = None
    counting, absent = counted(folder)
    try:
        peers = installed()
    except RuntimeError as reason:
        absent.append({"name": "hand-written loops and peers", "why": str(reason)})
    return Tools(counting, peers), absent


def everything(folder: Path) -> tuple[Tools, list[Absent]]:
    """As `made`, with Bento."""
    tools, absent = made(folder)
    try:
        tools = replace(tools, bento=built(folder))
    except RuntimeError as reason:
        absent.append({"name": "Bento", "why": str(reason)})
    return tools, [*absent, *NEVER]


def counted(folder: Path) -> tuple[Path | None, list[Absent]]:
    """The program in C, or why there is none."""
    try:
        return compiled(folder), []
    except RuntimeError as reason:
        return None, [{"name": "count in C, librdkafka", "why": str(reason)}]


def compiled(folder: Path) -> Path:
    """`counting.c` against the very library that confluent-kafka brings."""
    import confluent_kafka

    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("no C compiler (cc) on this machine")
    home = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    libraries = sorted(home.glob("librdkafka-*.so*"))
    if not libraries:
        raise RuntimeError("confluent-kafka brings no librdkafka of its own here")
    program = folder / "counting"
    command = [compiler, "-O2", "-o", program, HERE / "counting.c", libraries[0], f"-Wl,-rpath,{home}"]
    _done(command, "counting.c does not compile")
    return program


def built(folder: Path) -> Path:
    """Bento, of the versions and hashes in `peers/bento`."""
    go = shutil.which("go")
    if go is None:
        raise RuntimeError("no Go (go) on this machine")
    program = folder / "bento"
    print("building Bento (a few minutes the first time)", flush=True)
    environment = os.environ | {"GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
    _done([go, "-C", BENTO, "build", "-trimpath", "-o", program, "."], "it can't be built", environment)
    return program


def installed() -> Path:
    """The Python of the peers' environment; made, if it does not hold what `requirements-peers.txt` lists."""
    python, stamp = ENVIRONMENT / "bin/python", ENVIRONMENT / "requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing the peers into {ENVIRONMENT.name} (half a gigabyte)", flush=True)
    uv = Path(sys.executable).parent / "uv"
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, ENVIRONMENT],
        [uv, "pip", "sync", "--quiet", "--python", python, REQUIREMENTS],
    ):
        _done(command, "they can't be installed")
    stamp.write_text(wanted)
    return python


def _done(command: Sequence[str | Path], failed: str, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{failed}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
