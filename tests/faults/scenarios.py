"""The scenarios of the fault suite, how large each is in the short form, and its share of the long one."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from tests.faults import groupscenarios, logscenarios, storescenarios
from tests.faults.account import Account
from tests.faults.storefaults import EXPIRED, UNAVAILABLE, USUAL
from tests.faults.trial import SESSION_SECONDS, Site, Trial, trial
from tests.services.proxy import Plan


class Size(NamedTuple):
    """How many records, and how many moments at which something happens."""

    records: int
    rounds: int


class Scenario(NamedTuple):
    """What happens, to a topic of so many partitions."""

    name: str
    happens: Callable[[Trial, int, int], None]
    partitions: int
    short: Size
    long: Size  #: when the long form is of 5,000,000 records
    shared: bool = True  #: whether the broker may serve other scenarios meanwhile


@dataclass(frozen=True)
class Outcome:
    """What a scenario came to."""

    name: str
    account: Account
    faults: Counter[str]
    read_back: int  #: records that a plain client found in the broker where they belong
    restarts: int
    seconds: float

    @property
    def good(self) -> bool:
        return not self.account.faults


def everything(x: Trial, records: int, rounds: int) -> None:
    """All of it at once, in any order."""
    x.forgiven = {-signal.SIGKILL, 3}
    members = [x.member(f"m{number}", batch=2000, static=number < 2) for number in range(3)]
    for one in members:
        one.start()
    x.proxy.plan = Plan(x.chance.randrange(1 << 32), dict.fromkeys(USUAL, 0.008))

    def kill() -> None:
        one = x.chance.choice(members)
        x.faults["member killed"] += one.kill()
        one.start()

    def freeze() -> None:
        one = x.chance.choice(members)
        one.freeze()
        x.wait(SESSION_SECONDS + 2)
        one.thaw()
        x.faults["frozen beyond its session"] += 1

    def refuse() -> None:
        x.proxy.outage = x.chance.choice((EXPIRED, UNAVAILABLE))
        x.wait(x.chance.uniform(0.5, 3))
        x.proxy.outage = None

    def widen() -> None:
        x.topic.widen(len(x.flood.sent) + 1)
        x.faults["partitions added"] += 1

    def crash() -> None:
        x.site.broker.kill()
        x.wait(0.5)
        x.site.broker.start()
        x.faults["broker killed"] += 1

    happenings = [kill, kill, kill, refuse, refuse, freeze, widen, crash]
    for moment in x.feed(records, rounds):
        if moment % len(happenings) == 0:
            x.chance.shuffle(happenings)
        happenings[moment % len(happenings)]()
    x.catch_up(240)


SCENARIOS = (
    Scenario("zombies", groupscenarios.zombies, 6, Size(10_000, 1), Size(200_000, 8)),
    Scenario("killed at each step", groupscenarios.killed_at_steps, 4, Size(10_000, 8), Size(300_000, 112)),
    Scenario("the store fails", storescenarios.store_fails, 12, Size(60_000, 2), Size(2_000_000, 40)),
    Scenario("rebalances", groupscenarios.rebalances, 6, Size(10_000, 3), Size(500_000, 40)),
    Scenario("killed in a request", storescenarios.killed_in_requests, 4, Size(10_000, 4), Size(300_000, 48)),
    Scenario("partitions added", logscenarios.partitions_added, 2, Size(10_000, 2), Size(200_000, 10)),
    Scenario("the topic is made again", logscenarios.topic_made_again, 3, Size(10_000, 2), Size(200_000, 8)),
    Scenario("retention", logscenarios.retention, 4, Size(20_000, 1), Size(300_000, 20)),
    Scenario("the disk is full", storescenarios.disk_full, 4, Size(10_000, 2), Size(200_000, 20)),
    Scenario("the clock jumps", logscenarios.clock_jumps, 4, Size(20_000, 2), Size(300_000, 20)),
    Scenario("the broker is away", groupscenarios.broker_away, 4, Size(10_000, 1), Size(300_000, 6), shared=False),
    Scenario("everything at once", everything, 6, Size(10_000, 2), Size(1_000_000, 24), shared=False),
)


def run(site: Site, scenario: Scenario, seed: int, size: Size) -> Outcome:
    """Let it happen, and count every offset. Members must get everything stored by themselves."""
    began = time.monotonic()
    with trial(site, scenario.name, seed, scenario.partitions) as made:
        scenario.happens(made, *size)
        found = made.settle()
        restarts = sum(member.starts for member in made.members.values()) - len(made.members)
        seconds = time.monotonic() - began
        return Outcome(scenario.name, found, made.faults, made.topic.read_back, restarts, seconds)


def run_all(
    site: Site, wanted: Mapping[str, Size], seed: int, at_once: int, told: Callable[[str, Future[Outcome]], None]
) -> dict[str, Future[Outcome]]:
    """Run these scenarios, several at once, and alone those that do something to the broker.

    `told` hears of each as it ends. Answers when all are done.
    """
    done: dict[str, Future[Outcome]] = {}
    for shared in (True, False):
        with ThreadPoolExecutor(at_once if shared else 1) as pool:
            for one in SCENARIOS:
                if one.name in wanted and one.shared == shared:
                    done[one.name] = pool.submit(run, site, one, seed, wanted[one.name])
                    done[one.name].add_done_callback(partial(told, one.name))
    return done
