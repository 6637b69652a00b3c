"""The parts of a run. Each starts what it needs, prints as it goes, and answers what goes into the results."""

from __future__ import annotations

import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import tools
from benchmarks.contest import contest
from benchmarks.contestants import Tools, best_loops, everybody, limits, ours
from benchmarks.figures import ratios
from benchmarks.memory import memory
from benchmarks.profile import profile
from benchmarks.scaling import scaling
from benchmarks.tables import contest_table, workloads_table
from benchmarks.topics import kafka
from benchmarks.warehouse import dbt, load
from benchmarks.workloads import Workload

Part = dict[str, Any]
#: Beside the main one: sizes, partitions and shares of bad records, one thing changed at a time.
SIZES = (200, 1000, 10_000)
PARTITIONS = (1, 16)
BAD = (0.001, 0.05)


def main_contest(chosen: Namespace) -> Part:
    """All contestants on the main workload."""
    workload = Workload(chosen.events)
    with tempfile.TemporaryDirectory(prefix="bench_") as folder, kafka() as bootstrap:
        made, absent = tools.everything(Path(folder))
        lines = contest(bootstrap, workload, everybody(made), chosen.rounds)
    print(contest_table(lines))
    return {"workload": str(workload), "rounds": chosen.rounds, "lines": lines, "absent": absent}


def workloads(chosen: Namespace) -> Part:
    """The limits, `ingest consume` and the best loop written by hand on the other workloads."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bench_") as folder, kafka() as bootstrap:
        made, _ = tools.made(Path(folder))
        contestants = [*limits(made), ours(10_000), *best_loops(made, 10_000)]
        for workload in others(chosen.events):
            lines = contest(bootstrap, workload, contestants, chosen.rounds)
            found.append({"workload": str(workload), "lines": lines})
    print(workloads_table(found))
    return {"rounds": chosen.rounds, "workloads": found}


def others(events: int) -> list[Workload]:
    """Workloads that differ from the main one in one thing. Large records are fewer: the bytes stay below 1 GB."""
    sizes = [Workload(min(events, 1_000_000_000 // size), size) for size in SIZES]
    return [
        *sizes,
        *(Workload(events, partitions=number) for number in PARTITIONS),
        *(Workload(events, bad=share) for share in (0.0, *BAD)),
        Workload(events, codec="none"),
    ]


def short(chosen: Namespace) -> dict[str, float]:
    """The ratios that the guard looks at. The loop by hand runs in our own environment: nothing is installed."""
    workload = Workload(chosen.events)
    with tempfile.TemporaryDirectory(prefix="bench_") as folder, kafka() as bootstrap:
        counting, absent = tools.counted(Path(folder))
        made = Tools(counting, Path(sys.executable))
        lines = contest(bootstrap, workload, [*limits(made), ours(10_000), *best_loops(made, 10_000)], chosen.rounds)
    print(contest_table(lines))
    for one in absent:
        print(f"absent: {one['name']}: {one['why']}")
    return ratios(lines)


PARTS: dict[str, Callable[[Namespace], Part]] = {
    "contest": main_contest,
    "profile": profile,
    "workloads": workloads,
    "scaling": scaling,
    "memory": memory,
    "load": load,
    "dbt": dbt,
}
