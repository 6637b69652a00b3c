"""What goes wrong between two steps: processes, the group, the network, the store, the broker."""

from __future__ import annotations

from ingest.chain import Hint
from tests.model.network import Request
from tests.model.process import Process
from tests.model.topic import Log
from tests.model.world import World


def some_process(world: World, choice: int) -> Process | None:
    """One that is alive."""
    return world.alive[choice % len(world.alive)] if world.alive else None


def some_log(world: World, choice: int) -> Log:
    """One of the topic's partitions."""
    return world.topic.logs[choice % len(world.topic.logs)]


def _request(world: World, choice: int, *, puts: bool = False) -> Request | None:
    found = [one for one in world.network.pending if one.is_put or not puts]
    return found[choice % len(found)] if found else None


# --- processes and the group ----------------------------------------------------------------------


def start(world: World, _: int) -> str | None:
    process = world.start() if len(world.alive) < 3 else None
    return f"{process} starts" if process else None


def crash(world: World, choice: int) -> str | None:
    process = some_process(world, choice)
    if process is None:
        return None
    world.crash(process)
    return f"{process} crashes"


def stop(world: World, choice: int) -> str | None:
    process = some_process(world, choice)
    if process is None:
        return None
    process.stop.set()
    return f"{process} is asked to stop"


def freeze(world: World, choice: int) -> str | None:
    process = some_process(world, choice)
    if process is None:
        return None
    process.frozen = not process.frozen
    return f"{process} {'stands still' if process.frozen else 'goes on'}"


def expel(world: World, choice: int) -> str | None:
    """The group holds a member for dead."""
    process = some_process(world, choice)
    if process is None or process.source is None:
        return None
    process.group.expel(process.source)
    return f"{process} loses its partitions, and is not told yet"


def move(world: World, choice: int) -> str | None:
    """A rebalance."""
    process, number = some_process(world, choice), some_log(world, choice // 8).number
    if process is None or process.source not in process.group.members:
        return None
    assert process.source
    process.group.give(number, process.source)
    return f"partition {number} is to go to {process}"


def hint(world: World, choice: int) -> str | None:
    """Somebody moves the group's offsets, or the commit of another prefix is found."""
    process, log = some_process(world, choice), some_log(world, choice // 4)
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
    process, log = some_process(world, choice), some_log(world, choice // 8)
    if process is None or process.source is None:
        return None
    process.source.fetch(log.number, 1 + choice // 32 % 4)
    return f"the client of {process} reads ahead in partition {log.number}"


def mute(world: World, _: int) -> str:
    world.commits_arrive = not world.commits_arrive
    return "commits arrive again" if world.commits_arrive else "commits are lost"
