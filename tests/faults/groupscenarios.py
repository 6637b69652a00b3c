"""What happens to the consumers, the group and the broker: scenarios of the fault suite."""

from __future__ import annotations

import signal
import threading
from functools import partial
from itertools import cycle

from tests.faults.driver import MOMENTS, REPEATED_MOMENTS
from tests.faults.members import Member
from tests.faults.trial import SESSION_SECONDS, Trial
from tests.faults.waiting import eventually
from tests.services.proxy import Exchange

_LEFT = (0, -signal.SIGTERM)  # exit codes of a member that leaves; the latter before it has begun
_REFUSED = 3
_ENDED = ("killed", "survived")


def killed_at_steps(x: Trial, records: int, rounds: int) -> None:
    """SIGKILL before and after each step of the protocol, at its first time or a later one."""
    deaths = ["after 5 committing@3"]  # from then on a start finds something to look at
    while len(deaths) < rounds:
        deaths += [_death(x, moment) for moment in x.chance.sample(MOMENTS, len(MOMENTS))]
    del deaths[rounds:]
    member = x.member("m0", batch=200, driver=[word for death in deaths for word in ("--die", death)])
    member.start()

    def lives() -> int:
        x.drip(records, len(deaths))
        x.tend()
        return sum(map(member.logged, _ENDED))

    for number in range(len(deaths)):
        eventually(lambda then=number: lives() > then, lambda then=number: f"the end of life {then}, {deaths[then]}")
    assert member.logged("survived") == 0, [line for line in member.log.read_text().split("\n") if "survived" in line]
    x.faults["killed at a step of the protocol"] = member.logged("killed")
    x.catch_up()


def _death(x: Trial, moment: str) -> str:
    """The moment, at its first time or a later one if more are sure to come."""
    return f"{moment}@{x.chance.randint(1, 3) if moment in REPEATED_MOMENTS else 1}"


def broker_away(x: Trial, records: int, rounds: int) -> None:
    """The broker is stopped or killed, and started again, while records come in and go out.

    A broker that was killed may not know who bore a member's name last, and refuse it: then its supervisor helps.
    """
    x.forgiven = {_REFUSED}
    for name in ("m0", "m1"):
        x.member(name).start()
    x.await_opened()
    ends = cycle([("broker killed", x.site.broker.kill), ("broker stopped", x.site.broker.stop)])
    for _ in x.feed(records, rounds):
        name, end = next(ends)
        end()
        x.flood.send(1000)
        x.wait(x.chance.uniform(0, 2))
        x.site.broker.start()
        x.faults[name] += 1
    x.catch_up()


def rebalances(x: Trial, records: int, rounds: int) -> None:
    """Three members come and go, by SIGTERM or SIGKILL, without waiting for each other."""
    members = [x.member(f"m{number}", batch=500, static=False) for number in range(3)]
    members[0].start()
    for _ in x.feed(records, rounds):
        one = x.chance.choice(members)
        if not one.running:
            one.start()
            x.faults["member joined"] += 1
        elif x.chance.random() < 0.5:
            x.faults["member killed"] += one.kill()
        else:
            assert one.stop() in _LEFT, one.tail()
            x.faults["member left"] += 1
        if not any(other.running for other in members):
            members[0].start()
        x.wait(x.chance.uniform(0, 3))
    x.catch_up()


def zombies(x: Trial, records: int, rounds: int) -> None:
    """Two of three members are frozen in the middle of a put until the group has given them up, then go on.

    Their puts reach the store before or after the third has taken over, and stored what they had to.
    """
    members = [x.member(f"m{number}", batch=500, static=False) for number in range(3)]
    for one in members:
        one.start()
    for moment in x.feed(records, rounds):
        frozen = x.chance.sample(members, 2)
        deliver, caught = _freeze_in_puts(x, frozen)
        eventually(lambda to=caught: _sent(x) and len(to) == 2, "two members in the middle of a put")
        if moment % 2:  # the store has what they sent when the third looks
            deliver.set()
        x.wait(SESSION_SECONDS + 1)
        x.proxy.trap = None
        x.flood.send(2000)
        if moment % 2:
            x.catch_up()  # the third alone
        else:
            target = x.stored() + 1
            eventually(lambda then=target: x.stored() >= then, "the third goes on alone")
        deliver.set()
        for one in frozen:
            one.thaw()
        x.faults["frozen in a put beyond its session"] += 2
    x.catch_up()


def _sent(x: Trial) -> bool:
    x.flood.send(200)
    return True


def _freeze_in_puts(x: Trial, members: list[Member]) -> tuple[threading.Event, set[str]]:
    """Freeze each of these in its next put, which goes on to the store when the event is set."""
    left, deliver, caught = {one.name: one for one in members}, threading.Event(), set()

    def trap(exchange: Exchange):
        if exchange.kind != "PUT" or "partition=" not in exchange.name:
            return None
        one = left.pop(exchange.caller, None)  # its first put alone
        return partial(freeze, one) if one else None

    def freeze(one: Member, exchange: Exchange) -> None:
        exchange.receive()
        one.freeze()
        caught.add(one.name)
        deliver.wait(120)
        exchange.send(exchange.forward())

    x.proxy.trap = trap
    return deliver, caught
