"""What can happen between two steps: every decision of a history is one of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.model import troubles
from tests.model.network import Request
from tests.model.stage import Actor
from tests.model.troubles import some_log, some_process
from tests.model.world import World

Decision = Callable[[World, int], str | None]  # what happened, None for nothing


def _describe(item: Request | Actor) -> str:
    what = item.text if isinstance(item, Request) else f"its {item.name} thread, which {item.next}, goes on"
    return f"{item.process}: {what}"


# --- going on -------------------------------------------------------------------------------------


def step(world: World, choice: int) -> str | None:
    """One step of whatever could go on."""
    items = world.able()
    if not items:
        return None
    item = items[choice % len(items)]
    text = _describe(item)
    world.step(item)
    return text


def run(world: World, choice: int) -> str:
    """Some steps of everybody in turn."""
    count = 1 + choice % 20
    for _ in range(count):
        world.fair()
    return f"all go on for {count} steps"


def alone(world: World, choice: int) -> str | None:
    """Some steps of one process, while the others stand still."""
    process, count = some_process(world, choice), 1 + choice // 8 % 24
    if process is None or process.frozen:
        return None
    for _ in range(count):
        world.fair(process)
    return f"{process} alone goes on for {count} steps"


def wait(world: World, choice: int) -> str:
    """Time passes."""
    seconds = (1, 4, 11, 45)[choice % 4]
    world.stage.now += seconds
    return f"{seconds} s pass"


# --- the topic ------------------------------------------------------------------------------------


def produce(world: World, choice: int) -> str:
    log, count = some_log(world, choice), 1 + choice // 4 % 5
    log.produce(count)
    return f"{count} records more in partition {log.number}: it ends at {log.high}"


def mark(world: World, choice: int) -> str:
    """A transaction marker: an offset without a record."""
    log = some_log(world, choice)
    log.mark()
    return f"a marker in partition {log.number}: it ends at {log.high}"


def compact(world: World, choice: int) -> str | None:
    log = some_log(world, choice)
    offset = log.compact(choice // 4)
    return None if offset is None else f"compaction takes offset {offset} of partition {log.number}"


def retain(world: World, choice: int) -> str | None:
    log = some_log(world, choice)
    low = log.low + 1 + choice // 4 % 8
    if low > log.high:
        return None
    log.retain(low)
    return f"retention takes what lies before offset {low} of partition {log.number}"


def remake(world: World, choice: int) -> str:
    """Another topic of the same name: shorter than the old one was read, or longer; with fewer partitions perhaps."""
    count = len(world.topic.logs)
    world.topic.remake(max(1, count - (choice % 4 == 3)))
    for group in dict.fromkeys(process.group for process in world.alive):
        group.shrink()
    for number, log in enumerate(world.topic.logs):
        log.produce(choice // (4 + 8 * number) % 8)
    ends = ", ".join(str(log.high) for log in world.topic.logs)
    return f"the topic is deleted and made again as {world.topic.topic_id}: it ends at {ends}"


def grow(world: World, choice: int) -> str | None:
    if len(world.topic.logs) > 2:
        return None
    number = world.topic.grow()
    world.topic.logs[number].produce(choice % 4)
    return f"partition {number} is added"


#: Always possible, and how often each.
CALM: Final = {run: 7, alone: 6, step: 5, produce: 4, troubles.start: 1}
#: Kinds of trouble; a history has some of them.
TROUBLE: Final[tuple[dict[Decision, int], ...]] = (
    {troubles.crash: 2, troubles.start: 3},
    {troubles.freeze: 3, troubles.expel: 2, troubles.move: 3},
    {troubles.move: 4},
    {troubles.stop: 1, troubles.start: 2},
    {troubles.perform: 3, troubles.give_up: 4, troubles.arrive: 2},
    {troubles.taken: 1, troubles.repeat: 2, troubles.arrive: 1},
    {troubles.outage: 2, troubles.refuse: 2, wait: 1},
    {troubles.hint: 3, troubles.mute: 1},
    {mark: 2, compact: 3},
    {retain: 6, troubles.start: 2},
    {remake: 2},
    {grow: 1},
    {troubles.behind: 2, troubles.perform: 2},
    {troubles.fetch: 3},
    {wait: 2},
)
