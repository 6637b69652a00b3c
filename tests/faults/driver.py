"""`ingest` with a death foretold, or with a clock that jumps: the real command, its parts wrapped from outside.

    python -m tests.faults.driver --die MOMENT@N [--die …] -- consume …    one life for each, ended by SIGKILL when
                                                                          its moment comes for the N-th time
    python -m tests.faults.driver --jump SECONDS --seed N -- consume …     the time of day jumps back and forth

`MOMENTS` are before and after every step; the numbers are those of the protocol (`ingest.chain`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from ingest.broker import KafkaBroker
from ingest.cli import main
from ingest.cli.wiring import SystemClock
from ingest.consume import Consumer
from ingest.decode import Decoder
from ingest.objects import Encoder
from ingest.s3 import S3Store
from ingest.source import KafkaSource
from ingest.summary import Summary
from tests.faults.hearing import hears


class Step(NamedTuple):
    """Where in the protocol: a method of a part of the consumer."""

    part: type
    method: str


STEPS = {
    "1 being assigned": Step(Consumer, "assigned"),
    "1 asking who the topic is": Step(KafkaBroker, "identity"),
    "1 asking for the commit": Step(KafkaBroker, "committed"),
    "1 listing the chain": Step(S3Store, "list"),
    "1 reading an object's metadata": Step(S3Store, "metadata"),
    "1 asking for the bounds": Step(KafkaBroker, "bounds"),
    "1 beginning to read": Step(KafkaSource, "begin"),
    "2 polling": Step(KafkaSource, "poll"),
    "2 decoding": Step(Decoder, "__call__"),
    "3 encoding": Step(Encoder, "__call__"),
    "4 putting": Step(S3Store, "put_if_absent"),
    "5 committing": Step(KafkaSource, "commit"),
    "6 reporting": Step(Summary, "count"),
    "leaving the group": Step(KafkaSource, "close"),
}
#: Every moment at which to die.
MOMENTS = [f"{when} {step}" for step in STEPS for when in ("before", "after")]


#: Moments that come again and again in a life that is fed.
REPEATED_MOMENTS = [moment for moment in MOMENTS if moment.split()[1] in "23456"]
_LIFE = 2.5  # seconds after which a life is stopped whose moment is at the end, once it hears that …
_LONG_LIFE = 60.0  # … and every other, from its beginning


def die_at(moment: str, number: int) -> None:
    """Have this process killed at the `number`-th of the moments, counted from 1."""
    when, _, name = moment.partition(" ")
    left = [number]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    part, method = STEPS[name]
    setattr(part, method, _wrapped(getattr(part, method), when, count))


def _wrapped(method: Callable[..., Any], when: str, count: Callable[[], None]) -> Callable[..., Any]:
    def wrapper(self: object, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(one, str) and one.startswith("_") for one in args):  # the probe, and records of jobs
            return method(self, *args, **kwargs)
        if when == "before":
            count()
        answer = method(self, *args, **kwargs)
        if isinstance(answer, Iterator):
            answer = iter(list(answer))
        if when == "after":
            count()
        return answer

    return wrapper


def jump(seconds: float, seed: int) -> None:
    """Set the time of day off by up to so many seconds, anew for every 5th question."""
    chance, asked, off = random.Random(seed), [0], [timedelta()]  # noqa: S311 - chance, not secrets
    now = SystemClock.now

    def jumping(self: SystemClock) -> Any:
        if asked[0] % 5 == 0:
            off[0] = timedelta(seconds=chance.uniform(-seconds, seconds))
            _say("clock_jumped", seconds=off[0].total_seconds())
        asked[0] += 1
        return now(self) + off[0]

    SystemClock.now = jumping  # type: ignore[method-assign]


def lives(deaths: Sequence[str]) -> None:
    """Live and die once for each `MOMENT@N`, in a child that is forked with everything imported; then return.

    A life whose moment does not come is stopped after a while, as users stop it; leaving comes by being stopped.
    """
    for death in deaths:
        moment, _, number = death.rpartition("@")
        child = os.fork()
        if not child:
            die_at(moment, int(number))
            return
        _say("killed" if _outcome(child, moment) == -signal.SIGKILL else "survived", moment=moment)


def _outcome(child: int, moment: str) -> int:
    """The child's exit code."""
    deadline, leaves = time.monotonic() + _LONG_LIFE, moment.endswith("leaving the group")
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if leaves and hears(child, signal.SIGTERM):
            deadline, leaves = time.monotonic() + _LIFE, False
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGTERM)
            deadline += _LONG_LIFE
        time.sleep(0.01)
    return os.waitstatus_to_exitcode(ended[1])


def _say(event: str, **details: object) -> None:
    sys.stderr.write(json.dumps({"event": event} | details) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--die", action="append", default=[], metavar="MOMENT@N")
    parser.add_argument("--jump", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    if chosen.jump:
        jump(chosen.jump, chosen.seed)
    sys.argv = ["ingest", *(chosen.command[1:] if chosen.command[:1] == ["--"] else chosen.command)]
    lives(chosen.die)
    main()
