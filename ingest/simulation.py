"""Learners in simulated time: they start, view pages, work, leave, and come back hours later."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, NamedTuple

from ingest.behaviour import HOUR, MINUTE, Learner, visit
from ingest.clients import Clients, Sent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from ingest.behaviour import Step
    from ingest.clients import Device
    from ingest.scenario import Options


class _Visitor(NamedTuple):
    learner: Learner
    device: Device
    steps: Iterator[Step]


class Simulation:
    """A queue of who does or sends what when. `learners` is how many there are, unless the options say."""

    def __init__(self, random: Random, learners: int, options: Options) -> None:
        self._options = options
        self._rand = random.random
        self._numbers = itertools.count()
        self._clients = Clients(random, self._numbers, options)
        self._queue: list[tuple[int, int, _Visitor | Sent]] = []
        for number in range(options.learners or learners):
            self._arrive(self._learner(number), options.start_ms + int(self._rand() ** 2 * 8 * HOUR))

    def next(self) -> Sent:
        """Let time pass until the next event is received."""
        while True:
            now, _, item = heapq.heappop(self._queue)
            if isinstance(item, Sent):
                return item
            step = next(item.steps, None)
            if step is None:
                self._arrive(item.learner, now + int((2 + 38 * self._rand()) * HOUR))
                continue
            self._push(now + step[2], item)
            sent = self._clients.send(item.learner, item.device, now, step)
            if sent.published < now + MINUTE:
                return sent
            self._push(sent.published, sent)

    def _learner(self, number: int) -> Learner:
        name = f"learner-{number:06d}"
        tenant = number % self._options.tenants if self._options.tenants else 0
        return Learner(name.encode(), name, f"district-{tenant}" if tenant else "default", 0.3 + 0.6 * self._rand())

    def _arrive(self, learner: Learner, when: int) -> None:
        device = self._clients.device()
        self._push(when, _Visitor(learner, device, visit(self._rand, learner.ability)))

    def _push(self, when: int, item: _Visitor | Sent) -> None:
        heapq.heappush(self._queue, (when, next(self._numbers), item))
