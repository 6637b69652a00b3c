"""Members of the consumer group: `ingest consume` in processes of their own, and what can be done to them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.hearing import hears
from tests.faults.waiting import eventually


class Member:
    """One process that is started again by its supervisor, under one name, whenever it has ended."""

    def __init__(self, name: str, words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        self.wanted = False  #: whether it is meant to be running
        self.starts = 0
        self.exits: Counter[int] = Counter()  #: how often it ended with what, by itself or not
        self._command = [sys.executable, "-m", *words]
        # The key id names the process to whoever reads its requests.
        self._environment = {**environment, "AWS_ACCESS_KEY_ID": name}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.wanted = True
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> bool:
        """SIGKILL. False if it had ended before."""
        self.wanted = False
        self._signal(signal.SIGKILL)
        return self.ended(10) == -signal.SIGKILL

    def stop(self) -> int | None:
        """SIGTERM, and wait; answers the exit code."""
        self.wanted = False
        self._signal(signal.SIGTERM)
        return self.ended(60)

    def await_start(self) -> None:
        """Wait until SIGTERM would be heard, and not end the process at once."""
        eventually(lambda: not self.running or hears(self.pid, signal.SIGTERM), f"{self.name} listens to SIGTERM")

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def ended(self, patience: float = 0) -> int | None:
        """The exit code, once; None if it is not running, or still is after so many seconds."""
        if self._process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(patience)
            self._process = None
            self.exits[code] += 1
            return code
        return None

    def logged(self, event: str) -> int:
        """How often the log has this event."""
        return self.log.read_text(errors="replace").count(f'"{event}"') if self.log.exists() else 0

    def _signal(self, number: int) -> None:
        if self.running:
            os.kill(self.pid, number)

    def tail(self) -> str:
        """The end of its log, for messages."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
