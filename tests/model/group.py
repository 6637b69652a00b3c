"""The consumer group, and a member's reading: partitions come and go, cooperatively or by expulsion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ingest.chain import Hint, Listener, Polled
from ingest.records import Partition, Records

if TYPE_CHECKING:
    from tests.model.process import Process
    from tests.model.topic import Log
    from tests.model.world import World


class Group:
    """Who owns which partition, as the coordinator sees it, and the hints that were committed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.members: list[SimulatedSource] = []
        self.owner: dict[int, SimulatedSource] = {}
        self._wanted: dict[int, SimulatedSource] = {}
        self.hints: dict[int, Hint] = {}

    def give(self, number: int, source: SimulatedSource) -> None:
        """A partition to a member: at once if it is nobody's, otherwise once its owner has handed it over."""
        owner = self.owner.get(number)
        if number >= len(self._world.topic.logs):
            return
        if owner is None:
            self.owner[number] = source
            source.told.append(("assigned", number))
        elif owner is not source and number not in self._wanted:
            self._wanted[number] = source
            owner.told.append(("revoked", number))

    def balance(self) -> None:
        """What is nobody's goes to whoever has the least."""
        for number in range(len(self._world.topic.logs)):
            if self.members and number not in self.owner:
                counts = {source: sum(one is source for one in self.owner.values()) for source in self.members}
                self.give(number, min(self.members, key=lambda source: counts[source]))

    def shrink(self) -> None:
        """Partitions that the topic has no more are taken from their owners."""
        for number, owner in self.owner.items():
            if number >= len(self._world.topic.logs):
                owner.told.append(("revoked", number))

    def released(self, number: int, source: SimulatedSource) -> None:
        """The owner has handed it over."""
        if self.owner.get(number) is source:
            del self.owner[number]
        wanted = self._wanted.pop(number, None)
        if wanted in self.members and number not in self.owner:
            self.give(number, wanted)

    def leave(self, source: SimulatedSource) -> None:
        """The member goes, or is held for dead: what it had is free at once."""
        if source in self.members:
            self.members.remove(source)
        for number in [number for number, owner in self.owner.items() if owner is source]:
            self.released(number, source)

    def expel(self, source: SimulatedSource) -> None:
        """Held for dead while it is not: it hears of it when it polls next, and joins again."""
        if source in self.members:
            self.leave(source)
            source.told = [("lost", number) for number in source.owned] + [("join", -1)]


class SimulatedSource:
    """The `Source` of one process: a member of a group that reads the topic by its name."""

    def __init__(self, world: World, process: Process, listener: Listener) -> None:
        self._world, self._process, self._listener = world, process, listener
        self._group = process.group
        self.told: list[tuple[str, int]] = []  #: what the group has to say at the next poll
        self.owned: list[int] = []  #: as the member believes
        self._at: dict[int, int] = {}  # from where is fetched next
        self._fetched: dict[int, list[tuple[int, str]]] = {}
        self._said_end: dict[int, int] = {}
        self._paused: set[int] = set()
        self._group.members.append(self)

    @property
    def partitions(self) -> list[Partition]:
        """What it owns, as it believes."""
        return [self._partition(number) for number in self.owned]

    @property
    def at_the_end(self) -> bool:
        """Whether nothing is left to read or to hear."""
        logs = self._world.topic.logs
        if self.told or any(number not in self._group.owner for number in range(len(logs))):
            return False
        return all(self._at.get(number) == logs[number].high and not self._fetched[number] for number in self.owned)

    def poll(self, timeout: float) -> Polled:
        self._world.stage.pause("polls", self._has_something, self._world.stage.now + timeout)
        while self.told:
            self._hear(*self.told.pop(0))
        polled = Polled({}, {}, set())
        for number in sorted(self._at.keys() - self._paused):
            if number in self._at:
                self._read(number, polled)
        return polled

    def begin(self, partition: Partition, offset: int) -> None:
        assert partition.number in self.owned, f"{partition} is begun and not ours"
        self._at[partition.number] = offset
        self._fetched[partition.number] = []
        self._said_end.pop(partition.number, None)

    def commit(self, hints: Mapping[Partition, Hint]) -> None:
        self._world.stage.pause("commits")
        for partition, hint in hints.items():
            self._world.check(lambda partition=partition, hint=hint: self._world.soundness.commit(partition, hint))
            if self._world.commits_arrive:
                self._group.hints[partition.number] = hint

    def pause(self, partitions: Sequence[Partition]) -> None:
        self._paused |= {partition.number for partition in partitions}

    def resume(self, partitions: Sequence[Partition]) -> None:
        self._paused -= {partition.number for partition in partitions}

    def close(self) -> None:
        self._world.stage.pause("leaves the group")
        self._listener.revoked([self._partition(number) for number in self.owned])
        self._group.leave(self)
        self.told, self._at = [], {}

    def fetch(self, number: int, limit: int) -> None:
        """The client reads ahead: from the topic that has the name now, at the offset where it is."""
        log = self._log(number)
        if log and number in self._at and not self._fetched[number] and log.low <= self._at[number] <= log.high:
            found = log.run(self._at[number], limit)
            self._fetched[number] = [(offset, log.records[offset]) for offset in found]
            self._at[number] = found[-1] + 1 if found else self._at[number]

    def _has_something(self) -> bool:
        return bool(self.told) or any(self._has_news(number) for number in self._at.keys() - self._paused)

    def _has_news(self, number: int) -> bool:
        log, position = self._log(number), self._at[number]
        if self._fetched[number] or log is None:
            return bool(self._fetched[number])
        return not log.low <= position <= log.high or self._said_end.get(number) != log.high

    def _read(self, number: int, polled: Polled) -> None:
        partition, log = self._partition(number), self._log(number)
        if not self._fetched[number]:
            if log is None:
                return
            if not log.low <= self._at[number] <= log.high:
                polled.cut.add(partition)
                del self._at[number]
                return
            self.fetch(number, self._process.bite)
        if self._fetched[number]:
            records = Records()
            for offset, value in self._fetched[number]:
                records.append(offset, 0, value.encode())
            self._fetched[number] = []
            polled.records[partition] = records
        if log and not log.run(self._at[number], 1) and self._said_end.get(number) != log.high >= self._at[number]:
            self._at[number] = self._said_end[number] = polled.ended[partition] = log.high

    def _hear(self, what: str, number: int) -> None:
        partition = self._partition(number)
        if what == "join":
            self._group.members.append(self)
            return
        self._world.note(f"{self._process}: {what} {partition}")
        if what == "assigned":
            self.owned.append(number)
            self._listener.assigned([partition])
            return
        if number not in self.owned:
            return
        self.owned.remove(number)
        (self._listener.revoked if what == "revoked" else self._listener.lost)([partition])
        self._at.pop(number, None)
        self._group.released(number, self)

    def _log(self, number: int) -> Log | None:
        logs = self._world.topic.logs
        return logs[number] if number < len(logs) else None

    def _partition(self, number: int) -> Partition:
        return Partition(self._world.topic.name, number)
