"""What the store does to the consumer: scenarios of the fault suite. Each returns with everything stored."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

from tests.faults.shelf import Folder
from tests.faults.storefaults import DENIED, EXPIRED, HANGS, UNAVAILABLE, USUAL
from tests.faults.trial import Trial
from tests.faults.waiting import eventually
from tests.services.proxy import Exchange, Plan

_SHARE = 0.022  # of the requests, for each of the usual faults
_PROBING = 3  # the exit code of a start whose first look at the store fails


def store_fails(x: Trial, records: int, rounds: int) -> None:
    """Every kind of answer that fails, at random; and now and then nothing but one kind for a while."""
    shares = dict.fromkeys(USUAL, _SHARE) | ({HANGS: 0.001} if rounds > 4 else {})
    x.forgiven = {_PROBING}
    for number in range(3):
        x.member(f"m{number}").start()
    x.proxy.plan = Plan(x.chance.randrange(1 << 32), shares)
    for _ in x.feed(records, rounds):
        x.proxy.outage = x.chance.choice((EXPIRED, DENIED, UNAVAILABLE))
        x.wait(x.chance.uniform(0.5, 2))
        x.proxy.outage = None
    x.catch_up(180)


def killed_in_requests(x: Trial, records: int, rounds: int) -> None:
    """SIGKILL with a request on its way: before the store has it, with half of it sent, with the answer due.

    A start lists the chain and reads an object's metadata; whoever survives that puts.
    """
    x.forgiven = {-signal.SIGKILL}
    kinds = cycle(("PUT", "LIST", "PUT", "HEAD"))
    x.proxy.trap = _kills(x, [(next(kinds), x.chance.choice(("before", "half", "after"))) for _ in range(rounds)])
    x.member("m0", batch=500).start()

    def kills() -> int:
        x.drip(records, rounds)
        x.tend()
        return x.exits(-signal.SIGKILL)

    for number in range(rounds):
        eventually(lambda then=number: kills() > then, f"kill {number}")
    x.faults["killed in a request"] = kills()
    x.catch_up()


def _kills(x: Trial, planned: list[tuple[str, str]]):
    """A trap that kills whoever makes the next planned kind of request about a chain, one after the other."""
    lock = threading.Lock()

    def trap(exchange: Exchange):
        with lock:  # of requests at the same time one is the one
            if planned and exchange.kind == planned[0][0] and "partition=" in exchange.name:
                return partial(kill, planned.pop(0)[1])
        return None

    def kill(when: str, exchange: Exchange) -> None:
        if when == "after":
            exchange.forward()
        elif when == "half":
            exchange.receive(0.5)
        os.kill(x.members[exchange.caller].pid, signal.SIGKILL)
        exchange.cut()

    return trap


def disk_full(x: Trial, records: int, rounds: int) -> None:
    """The folder's disk is full, again and again, in the middle of an object's bytes too."""
    disk = x.belongings.enter_context(_small_disk(x.folder / "disk"))
    x.shelf = Folder(disk / "objects")
    member = x.member("m0")
    member.start()
    ballast = disk / "ballast"
    for _ in x.feed(records, rounds):
        seen = member.logged("store_unavailable")
        _fill(ballast, x.chance.randrange(60_000))
        x.flood.send(4000)
        eventually(lambda then=seen: member.logged("store_unavailable") > then, "the disk is felt to be full")
        ballast.unlink()
        x.faults["disk full"] += 1
    x.catch_up()


@contextmanager
def _small_disk(at: Path) -> Iterator[Path]:
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def _fill(ballast: Path, free: int) -> None:
    """Leave about so many bytes free."""
    with ballast.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(bytes(1 << 20)):
            pass
    with ballast.open("ab", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(bytes(4096)):
            pass
    size = ballast.stat().st_size
    os.truncate(ballast, max(0, size - free))
