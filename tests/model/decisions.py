"""What can happen between two steps: every decision of a history is one of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ingest.chain import Hint
from tests.model.network import Request
from tests.model.process import Process
from tests.model.stage import Actor
from tests.model.topic import Log
from tests.model.world import World

Decision = Callable[[World, int], str | None]  # what happened, None for nothing


def _process(world: World, choice: int) -> Process | None:
    return world.alive[choice % len(world.alive)] if world.alive else None


def _log(world: World, choice: int) -> Log:
    return world.topic.logs[choice % len(world.topic.logs)]


def _request(world: World, choice: int, *, puts: bool = False) -> Request | None:
    found = [one for one in world.network.pending if one.is_put or not puts]
    return found[choice % len(found)] if found else None


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
    process, count = _process(world, choice), 1 + choice // 8 % 24
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
    log, count = _log(world, choice), 1 + choice // 4 % 5
    log.produce(count)
    return f"{count} records more in partition {log.number}: it ends at {log.high}"


def mark(world: World, choice: int) -> str:
    """A transaction marker: an offset without a record."""
    log = _log(world, choice)
    log.mark()
    return f"a marker in partition {log.number}: it ends at {log.high}"


def compact(world: World, choice: int) -> str | None:
    log = _log(world, choice)
    offset = log.compact(choice // 4)
    return None if offset is None else f"compaction takes offset {offset} of partition {log.number}"


def retain(world: World, choice: int) -> str | None:
    log = _log(world, choice)
    low = log.low + 1 + choice // 4 % 8
    if low > log.high:
        return None
    log.retain(low)
    return f"retention takes what lies before offset {low} of partition {log.number}"


def remake(world: World, choice: int) -> str:
    """Another topic of the same name: shorter than the old one was read, or longer; with fewer partitions perhaps."""
    count = len(world.topic.logs)
    world.topic.remake(max(1, count - (choice % 4 == 3)))
    for group in {process.group for process in world.alive}:
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


# --- processes and the group ----------------------------------------------------------------------


def start(world: World, _: int) -> str | None:
    process = world.start() if len(world.alive) < 3 else None
    return f"{process} starts" if process else None


def crash(world: World, choice: int) -> str | None:
    process = _process(world, choice)
    if process is None:
        return None
    world.crash(process)
    return f"{process} crashes"


def stop(world: World, choice: int) -> str | None:
    process = _process(world, choice)
    if process is None:
        return None
    process.stop.set()
    return f"{process} is asked to stop"


def freeze(world: World, choice: int) -> str | None:
    process = _process(world, choice)
    if process is None:
        return None
    process.frozen = not process.frozen
    return f"{process} {'stands still' if process.frozen else 'goes on'}"


def expel(world: World, choice: int) -> str | None:
    """The group holds a member for dead."""
    process = _process(world, choice)
    if process is None or process.source is None:
        return None
    process.group.expel(process.source)
    return f"{process} loses its partitions, and is not told yet"


def move(world: World, choice: int) -> str | None:
    """A rebalance."""
    process, number = _process(world, choice), _log(world, choice // 8).number
    if process is None or process.source not in process.group.members:
        return None
    assert process.source
    process.group.give(number, process.source)
    return f"partition {number} is to go to {process}"


def hint(world: World, choice: int) -> str | None:
    """Somebody moves the group's offsets, or the commit of another prefix is found."""
    process, log = _process(world, choice), _log(world, choice // 4)
    if process is None:
        return None
    offset = choice // 16 % (log.high + 3)
    slot = (None, 0, offset // 2, max(0, offset - 1))[choice // 256 % 4]
    process.group.hints[log.number] = Hint(offset, slot)
    return f"the hint of partition {log.number} is moved to {offset} (slot {slot})"


# --- the network, the store, the broker -----------------------------------------------------------


def perform(world: World, choice: int) -> str | None:
    """A request arrives and is done; its answer takes its time."""
    request = _request(world, choice)
    if request is None or request.performed or (world.network.outage and request.to == "store"):
        return None
    text = f"{request.process}: {request.text} arrives, the answer is slow"
    world.network.perform(request)
    return text


def give_up(world: World, choice: int) -> str | None:
    request = _request(world, choice, puts=bool(choice & 1024))
    if request is None:
        return None
    world.network.give_up(request)
    return "an answer is lost"


def refuse(world: World, choice: int) -> str | None:
    request = _request(world, choice)
    if request is None or request.performed:
        return None
    world.network.refuse(request)
    return f"{request.process}: {request.text} fails"


def taken(world: World, choice: int) -> str | None:
    request = _request(world, choice, puts=True)
    if request is None:
        return None
    world.network.taken(request)
    return "a slot is said to be taken"


def repeat(world: World, choice: int) -> str | None:
    request = _request(world, choice, puts=True)
    if request is None or request.performed or world.network.outage:
        return None
    world.network.repeat(request)
    return "a put is sent twice"


def arrive(world: World, choice: int) -> str | None:
    if not world.network.strays:
        return None
    world.network.arrive(world.network.strays[choice % len(world.network.strays)])
    return "a stray arrives"


def outage(world: World, _: int) -> str:
    world.network.outage = not world.network.outage
    return "the store is down" if world.network.outage else "the store is back"


def behind(world: World, choice: int) -> str:
    world.behind = 1 + choice % 4
    return f"{world.behind} answers of the broker will say that it ends earlier"


def fetch(world: World, choice: int) -> str | None:
    """A client reads ahead of its consumer."""
    process, log = _process(world, choice), _log(world, choice // 8)
    if process is None or process.source is None:
        return None
    process.source.fetch(log.number, 1 + choice // 32 % 4)
    return f"the client of {process} reads ahead in partition {log.number}"


def mute(world: World, _: int) -> str:
    world.commits_arrive = not world.commits_arrive
    return "commits arrive again" if world.commits_arrive else "commits are lost"


#: Always possible, and how often each.
CALM: Final = {run: 7, alone: 6, step: 5, produce: 4, start: 1}
#: Kinds of trouble; a history has some of them.
TROUBLE: Final[tuple[dict[Decision, int], ...]] = (
    {crash: 2, start: 3},
    {freeze: 3, expel: 2, move: 3},
    {move: 4},
    {stop: 1, start: 2},
    {perform: 3, give_up: 4, arrive: 2},
    {taken: 1, repeat: 2, arrive: 1},
    {outage: 2, refuse: 2, wait: 1},
    {hint: 3, mute: 1},
    {mark: 2, compact: 3},
    {retain: 6, start: 2},
    {remake: 2},
    {grow: 1},
    {behind: 2, perform: 2},
    {fetch: 3},
    {wait: 2},
)
