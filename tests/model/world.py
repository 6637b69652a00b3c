"""One history's world: the topic, the store, the processes, and the steps that they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ingest.errors import ChainError
from tests.model.group import Group
from tests.model.network import Network, Request
from tests.model.parts import Bucket
from tests.model.process import Process
from tests.model.soundness import Soundness, Violation
from tests.model.stage import Actor, Stage
from tests.model.topic import Topic

_PATIENCE: Final = 6000  # steps within which a healthy consumer reads everything
_NAMES: Final = "ABCDEFGH"


class World:
    """`sizes` gives each process its way of cutting batches; with `apart` each is a group of its own."""

    def __init__(self, partitions: int, sizes: Callable[[int], int], watch: frozenset[str], *, apart: bool) -> None:
        self.stage = Stage()
        self.story: list[str] = []
        self.topic = Topic(partitions)
        self.bucket = Bucket(self._stored)
        self.network = Network(self.stage, self.note)
        self.soundness = Soundness(self.topic, watch)
        self.processes: list[Process] = []
        self.commits_arrive = True
        self.behind = 0  #: so many answers of the broker say that it ends earlier than it does
        self._violation: Violation | None = None
        self._doubtful = False
        self._sizes, self._apart = sizes, apart
        self._groups: list[Group] = []

    # --- what happens -----------------------------------------------------------------------------

    def note(self, text: str) -> None:
        self.story.append(f"    {text}")

    def _stored(self, key: str, body: bytes, metadata: Mapping[str, str], process: Process) -> None:
        lost = f", lost {metadata['lost']}" if "lost" in metadata else ""
        self.note(f"{process} stores {key} up to {metadata['next']}{lost}")
        self.soundness.put(key, body, metadata)

    def check(self, act: Callable[[], None]) -> None:
        """From an actor: what it finds violated ends the history after this step."""
        try:
            act()
        except Violation as violation:
            self._violation = self._violation or violation

    def take_behind(self) -> int:
        """By how much the broker's next answer about its end is short."""
        if self.behind:
            self.behind -= 1
            self._doubtful = True
            return 2
        return 0

    # --- processes --------------------------------------------------------------------------------

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.processes if not process.dead]

    def start(self, *, once: bool = False) -> Process | None:
        """One more process, if there are names left."""
        count = len(self.processes)
        if count >= len(_NAMES) - (not once):
            return None
        if self._apart or not self._groups:
            self._groups.append(Group(self))
        process = Process(self, _NAMES[count], self._groups[-1], self._sizes(count), once=once)
        self.processes.append(process)
        return process

    def crash(self, process: Process) -> None:
        """Its threads stop where they are; what it sent may still arrive."""
        process.dead = True
        self.stage.bury(process)
        self.network.leave(process)
        if process.source:
            process.group.leave(process.source)

    # --- steps ------------------------------------------------------------------------------------

    def able(self, only: Process | None = None) -> list[Request | Actor]:
        """Everything that could go on: requests first, in the order in which they were sent."""

        def may(process: Process) -> bool:
            return process.awake and only in {None, process}

        requests = [request for request in self.network.pending if may(request.process)]
        actors = [actor for actor in self.stage.actors if may(actor.process) and self.stage.able(actor)]
        return [*requests, *sorted(actors, key=lambda actor: actor.turn)]

    def step(self, item: Request | Actor) -> None:
        """One request is served, or one thread goes on to its next pause."""
        if isinstance(item, Request):
            self.network.serve(item)
        else:
            self.stage.resume(item)
            if item.process.ended:
                self._end(item.process)
        if self._violation:
            raise self._violation

    def fair(self, only: Process | None = None) -> None:
        """The step that a calm world would take next, of one process perhaps."""
        for process in self.alive:
            process.group.balance()
        if items := self.able(only):
            self.step(items[0])
        else:
            deadlines = [one.deadline for one in self.stage.actors if one.process.awake and one.deadline is not None]
            self.stage.now = max(self.stage.now, min(deadlines, default=self.stage.now))

    def _end(self, process: Process) -> None:
        error, consumer = process.error, process.consumer
        self.note(f"{process} ends{f': {error}' if error else ''}")
        self.crash(process)
        if error and not (isinstance(error, ChainError) and self._doubtful):
            self.soundness.violated("stopped", f"{process}: {type(error).__name__}: {error}")
        stored = self.soundness.by_nonce.get(process.name, 0)
        if consumer and consumer.summary.records > stored:
            self.soundness.violated("claimed", f"{process} counts {consumer.summary.records}, stored are {stored}")

    # --- the end ----------------------------------------------------------------------------------

    def finish(self, strays: str, *, survivors: bool) -> None:
        """Faults cease, one healthy consumer reads to the end. `strays` arrive before, during or after that.

        With `survivors` those who are still there are to do so before.
        """
        self.network.outage, self.behind, self.commits_arrive = False, 0, True
        if survivors and self.alive:
            self._survive()
        self.story.append("faults cease; one healthy consumer reads to the end")
        for process in self.alive:
            self.crash(process)
        if strays == "before":
            self._strays_arrive()
        healthy = self.start(once=True)
        assert healthy
        for count in range(_PATIENCE):
            self.fair()
            if healthy.ended:
                break
            if strays == "during" and count % 7 == 6 and self.network.strays:
                self.network.arrive(self.network.strays[0])
        else:
            self.soundness.violated("stuck", f"{healthy} after {_PATIENCE} steps")
        self._strays_arrive()
        self.soundness.end()

    def _survive(self) -> None:
        """Whoever is there reads to the end, and is then asked to stop: all that is gathered is to be stored."""
        self.story.append("faults cease; who is still there reads to the end")
        for process in self.alive:
            process.frozen = False
        self._until(lambda: self.alive and all(process.has_read_everything for process in self.alive), "to read")
        self.story.append("they are asked to stop")
        for process in self.alive:
            process.stop.set()
        stopping = any(not process.error for process in self.alive)
        self._until(lambda: not self.alive, "to stop")
        if stopping:
            self.soundness.end()

    def _until(self, there: Callable[[], object], what: str) -> None:
        for _ in range(_PATIENCE):
            if there() or not self.alive:
                return
            self.fair()
        self.soundness.violated(
            "stuck", f"{[str(process) for process in self.alive]} {what}, after {_PATIENCE} steps"
        )

    def _strays_arrive(self) -> None:
        while self.network.strays:
            self.network.arrive(self.network.strays[0])

    def close(self) -> None:
        """Unwind all threads."""
        for process in self.alive:
            self.crash(process)
