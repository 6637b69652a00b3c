"""One history: a list of numbers, played. Equal numbers give equal steps, so that a failure can be played again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import ingest.consume
import ingest.flush
import ingest.lane
from tests.model.decisions import CALM, TROUBLE, Decision
from tests.model.mutants import AS_IT_IS, Mutant
from tests.model.parts import SmallDecoder
from tests.model.soundness import Violation
from tests.model.stage import StagedEvent
from tests.model.switches import Patch
from tests.model.world import World

LENGTH: Final = 63  # three numbers for the circumstances, then decisions; 0 is none
LARGEST: Final = (1 << 24) - 1
_STRAYS: Final = ("after", "during", "before", "during")


class Failed(AssertionError):  # noqa: N818 - what it is
    """A history violated what must hold; the message is its steps."""

    def __init__(self, numbers: Sequence[int], violation: Violation, story: Sequence[str]) -> None:
        steps = "\n".join(story)
        again = f"python -m tests.model {to_text(numbers)}"
        super().__init__(f"\n{steps}\nVIOLATED: {violation}\nAgain: {again}")
        self.kind = violation.kind
        self.violation = violation


def play(numbers: Sequence[int], mutant: Mutant = AS_IT_IS) -> World:
    """Play a history to its end, with a rule switched off perhaps. Raises `Failed`."""
    climate, some, others, *decisions = numbers
    partitions, apart = 1 + (climate % 8 in {1, 2}), bool(climate & 2)
    world = World(partitions, lambda index: (climate >> 4) // (index * 7 + 1), mutant.watch, apart=apart)
    with patched([*_staged(world), *mutant.patches(world)]):
        try:
            _play(world, climate, _possible(some & others), decisions)
        except Violation as violation:
            raise Failed(numbers, violation, world.story) from None
        finally:
            world.close()
    return world


def to_text(numbers: Sequence[int]) -> str:
    """A history as one word."""
    kept = list(numbers)
    while len(kept) > 3 and kept[-1] == 0:
        kept.pop()
    return ".".join(f"{number:x}" for number in kept)


def from_text(text: str) -> list[int]:
    """Read back what `to_text` wrote."""
    return [int(number, 16) for number in text.split(".")]


def _play(world: World, climate: int, possible: Sequence[Decision], decisions: Sequence[int]) -> None:
    for log in world.topic.logs:
        log.produce(climate // 64 % 12)
    for _ in range(1 + climate // 4 % 2):
        world.start()
    ends = ", ".join(str(log.high) for log in world.topic.logs)
    world.story.append(f"{' and '.join(map(str, world.processes))} start; the topic ends at {ends}")
    for number in decisions:
        if number:
            at = len(world.story)
            choice = number - 1
            try:
                told = possible[choice % len(possible)](world, choice // len(possible))
            except Violation:
                world.story.insert(at, possible[choice % len(possible)].__name__)
                raise
            if told:
                world.story.insert(at, told)
    world.finish(_STRAYS[climate // 16 % 4], survivors=climate // 8 % 2 == 0)


def _possible(troubles: int) -> list[Decision]:
    """A quarter of the kinds of trouble are in a history; all decisions, as often as they are to come up."""
    kinds = [CALM, *(kind for bit, kind in enumerate(TROUBLE) if troubles >> bit & 1)]
    return [decision for kind in kinds for decision, weight in kind.items() for _ in range(weight)]


class _Notes:
    """Stands in for the log: what the consumers say is part of the story."""

    def __init__(self, world: World) -> None:
        self._world = world

    def info(self, event: str, **said: object) -> None:
        current = self._world.stage.current
        told = " ".join(f"{name}={value}" for name, value in said.items() if name not in {"remedy", "topic"})
        self._world.note(f"{current.process if current else ''}: {event} {told}")

    warning = error = info


def _staged(world: World) -> Sequence[Patch]:
    """The stage's waiting in the place of the threads' own, in the consumer's modules; small parts for slow ones."""

    def wait(flights: Sequence[Any], timeout: float, return_when: str) -> None:
        world.stage.pause(
            "waits for puts", lambda: any(flight.done() for flight in flights), world.stage.now + timeout
        )

    def event() -> StagedEvent:
        return StagedEvent(world.stage)

    notes = _Notes(world)
    return [
        (ingest.consume, "wait", wait),
        (ingest.flush, "wait", wait),
        (ingest.consume, "Event", event),
        (ingest.lane, "Event", event),
        (ingest.consume, "Decoder", SmallDecoder),
        (ingest.consume, "LOG", notes),
        (ingest.flush, "LOG", notes),
    ]


@contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    """Some attributes are others for a while."""
    kept = [getattr(whom, name) for whom, name, _ in patches]
    try:
        for whom, name, value in patches:
            setattr(whom, name, value)
        yield
    finally:
        for (whom, name, _), value in reversed(list(zip(patches, kept, strict=True))):
            setattr(whom, name, value)
