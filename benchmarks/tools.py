"""What has to be made before a run: the counting program in C, and an environment for the peers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.contestants import HERE, Tools

ENVIRONMENT = HERE.parent / ".venv-peers"
REQUIREMENTS = HERE / "requirements-peers.txt"


def made(folder: Path) -> tuple[Tools, list[dict[str, str]]]:
    """The tools, with programs in `folder`; and who is absent, as `name` and `why`."""
    peers = None
    counting, absent = counted(folder)
    try:
        peers = installed()
    except RuntimeError as reason:
        absent.append({"name": "hand-written loops and Python peers", "why": str(reason)})
    absent += [
        {
            "name": "Redpanda Connect",
            "why": "its source could not be fetched where this was measured",
        },
        {
            "name": "Kafka Connect",
            "why": "no sink of Parquet for it was found in Maven Central; its own file sink writes text",
        },
    ]
    return Tools(counting, peers), absent


def counted(folder: Path) -> tuple[Path | None, list[dict[str, str]]]:
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
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"counting.c does not compile: {done.stderr.strip().splitlines()[-1]}")
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
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"they can't be installed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    stamp.write_text(wanted)
    return python
