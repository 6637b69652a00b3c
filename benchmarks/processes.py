"""Runs a command and takes what it costs: time, processor, memory. Linux, by /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

EVERY = 0.1  #: seconds between two looks at memory


@dataclass(frozen=True)
class Cost:
    """What a process and its children took."""

    began: float  #: seconds since 1970
    seconds: float  #: from its start to its end
    cpu_seconds: float  #: user and system
    peak_bytes: int  #: the most resident memory of all of them together
    memory: tuple[tuple[float, int], ...]  #: (seconds since its start, resident bytes)
    code: int
    out: str
    err: str


def measured(command: Sequence[str], env: Mapping[str, str], folder: Path, timeout: float = 3600) -> Cost:
    """Run a command in `folder` to its end. After `timeout` seconds it is killed, with those that it started."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        running = Running(command, env, folder, out, err)
        return running.wait(timeout)


class Running:
    """A command on its way, watched."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path, out: IO[bytes], err: IO[bytes]
    ) -> None:
        self._out, self._err = out, err
        self.began, self._clock = time.time(), time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        self._samples: list[tuple[float, int]] = []
        self._highest = 0  # the process's own high-water mark, which knows what passed between two looks
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._watch.start()

    def wait(self, timeout: float) -> Cost:
        """Wait for its end; see `measured`."""
        killer = threading.Timer(timeout, self._kill)
        killer.start()
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.perf_counter() - self._clock
        killer.cancel()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()
        self._watch.join()
        peak = max([self._highest, *(size for _, size in self._samples)])
        texts = [_text(stream) for stream in (self._out, self._err)]
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(self.began, seconds, cpu, peak, tuple(self._samples), self._process.returncode, *texts)

    def _sample(self) -> None:
        while not self._ended.wait(EVERY):
            self._samples.append((time.perf_counter() - self._clock, resident(self._process.pid)))
            self._highest = _status(self._process.pid, "VmHWM:") or self._highest

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def resident(pid: int) -> int:
    """Resident bytes of a process and of all that it started."""
    return sum(_status(one, "VmRSS:") for one in (pid, *_children(pid)))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for listed in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in listed.read_text().split():
                found += [int(child), *_children(int(child))]
    return found


def _status(pid: int, field: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")
