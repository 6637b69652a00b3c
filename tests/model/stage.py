"""Threads that take turns: one runs at a time, and the model says which. No sleep, no clock, no race.

The consumer's code is ordinary code that blocks: in a put, in a wait, in a poll. Each of its threads is an
`Actor` here, with a thread of its own that hands the turn back at every `Stage.pause`. So any interleaving of
the consumer's threads, and of several consumers, can be played, and played again.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any


class Crashed(BaseException):
    """The process of this thread is no more. Nothing in it is executed after this."""


def _always() -> bool:
    return True


class Actor:
    """One thread of one process: what it does next, and when it can go on."""

    def __init__(self, process: Any, name: str, act: Callable[[], object]) -> None:
        self.process, self.name, self.act = process, name, act
        self.next = "starts"
        self.ready: Callable[[], object] = _always
        self.deadline: float | None = None
        self.worker: Worker | None = None
        self.done = False
        self.turn = 0  #: when it had its last turn, for fairness


class Worker(Thread):
    """A thread that plays one actor after the other, in one history after the other."""

    idle: list[Worker] = []  # noqa: RUF012 - all of the process, kept since starting one costs

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.go = allocate_lock()
        self.go.acquire()
        self.job: Callable[[], None] | None = None
        self.start()

    def run(self) -> None:
        while True:
            self.go.acquire()
            assert self.job
            self.job()


class Stage:
    """Where the actors of one history take turns. `now` is the model's time in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.actors: list[Actor] = []
        self.current: Actor | None = None
        self._back = allocate_lock()
        self._back.acquire()
        self._turns = 0

    def spawn(self, process: Any, name: str, act: Callable[[], object]) -> None:
        """Add an actor, which waits for its first turn."""
        self.actors.append(Actor(process, name, act))

    def pause(self, text: str, ready: Callable[[], object] = _always, deadline: float | None = None) -> None:
        """Hand the turn back; the actor goes on when it is given one, once `ready` or from `deadline` on."""
        actor = self.current
        assert actor, "only actors pause"
        assert actor.worker
        if actor.process.dead:
            raise Crashed
        actor.next, actor.ready, actor.deadline = text, ready, deadline
        self._back.release()
        actor.worker.go.acquire()
        if actor.process.dead:
            raise Crashed

    def able(self, actor: Actor) -> bool:
        """Whether it could go on now."""
        return bool(actor.ready()) or (actor.deadline is not None and actor.deadline <= self.now)

    def resume(self, actor: Actor) -> None:
        """Give it a turn: until it pauses again or ends."""
        self._turns += 1
        actor.turn = self._turns
        if actor.worker is None:
            actor.worker = Worker.idle.pop() if Worker.idle else Worker()
            actor.worker.job = lambda: self._play(actor)
        self.current = actor
        actor.worker.go.release()
        self._back.acquire()
        self.current = None
        if actor.done:
            self.actors.remove(actor)

    def bury(self, process: Any) -> None:
        """Unwind the threads of a process that is dead."""
        for actor in [one for one in self.actors if one.process is process]:
            if actor.worker is None:
                self.actors.remove(actor)
            else:
                self.resume(actor)

    def _play(self, actor: Actor) -> None:
        try:
            actor.act()
        except Crashed:
            pass
        finally:
            actor.done = True
            assert actor.worker
            Worker.idle.append(actor.worker)
            self._back.release()


class StagedFuture(Future):
    """A future whose result is waited for on a stage."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def result(self, timeout: float | None = None) -> Any:
        if not self.done():
            self._stage.pause("waits for a result", self.done)
        return super().result(timeout)


class StagedExecutor:
    """An executor with as many threads as there are tasks."""

    def __init__(self, stage: Stage, process: Any, name: str) -> None:
        self._stage, self._process, self._name = stage, process, name

    def submit(self, ask: Callable[..., Any], *given: Any) -> StagedFuture:
        future = StagedFuture(self._stage)

        def act() -> None:
            try:
                future.set_result(ask(*given))
            except Exception as error:  # as any executor hands it on
                future.set_exception(error)

        self._stage.spawn(self._process, self._name, act)
        return future


class StagedEvent:
    """An event that is waited for on a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float) -> bool:
        self._stage.pause(f"waits {timeout:g} s", self.is_set, self._stage.now + timeout)
        return self._is_set
