"""One and two processes of `ingest consume` in one group, and what arithmetic says of more."""

from __future__ import annotations

import json
import statistics
import tempfile
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.contest import clear
from benchmarks.contestants import Errand, ours
from benchmarks.processes import Running
from benchmarks.simulation import Pipeline, limited, simulated
from benchmarks.tables import listed, simulation_table
from benchmarks.topics import PATIENT, fill, kafka
from benchmarks.trial import between, environment, files, rows_of
from benchmarks.workloads import Workload

PARTITIONS = (4, 16)
PROCESSES = (1, 2)
LATENCIES = (0.03, 0.075, 0.15, 0.2)  # seconds a put
ROWS = 10_000
COLUMNS = {
    "partitions": "partitions",
    "processes": "processes",
    "rate": "records/s",
    "cpu_seconds": "CPU s / million",
    "peak_mb": "peak MB of one",
}
SHAPES = ((1, 1), (1, 4), (1, 16), (4, 16), (16, 64))


def scaling(chosen: Namespace) -> dict[str, Any]:
    """Measure, then simulate with the measured cost of a record."""
    found = []
    with kafka(PATIENT) as bootstrap, tempfile.TemporaryDirectory(prefix="bench_") as home:
        for partitions in PARTITIONS:
            workload = Workload(chosen.events, partitions=partitions)
            fill(bootstrap, workload)
            runs = {
                count: [together(bootstrap, workload, count, turn, Path(home)) for turn in range(chosen.rounds)]
                for count in PROCESSES
            }
            found += [_line(workload, count, some) for count, some in runs.items()]
    print(listed(found, COLUMNS))
    client = next(one["rate"] for one in found if one["processes"] == 1)
    beyond = simulation(client)
    print(simulation_table(beyond))
    return {"events": chosen.events, "rounds": chosen.rounds, "lines": found, "client": client, "simulated": beyond}


def together(bootstrap: str, workload: Workload, count: int, turn: int, home: Path) -> dict[str, float]:
    """Several members of one group, started at once, to the end of the topic: what they did together."""
    name = f"{workload.topic}_{count}_{turn}"
    errand, contestant = Errand(bootstrap, workload, name, home / name, {}), ours(ROWS)
    command = contestant.command(errand)
    at = command.index("--max-records")
    command = command[:at] + command[at + 2 :]  # nobody knows which of the records it will get
    with ExitStack() as stack:
        outs = [[stack.enter_context(tempfile.TemporaryFile()) for _ in range(2)] for _ in range(count)]
        members = [Running(command, environment(errand, contestant), home, *out) for out in outs]
        costs = [member.wait(3600) for member in members]
    stored = rows_of(files(contestant, errand))
    clear(home, errand)
    assert stored == workload.events, f"{stored:,} rows of {workload.events:,} records"
    spans = [between(cost.err) for cost in costs if json.loads(cost.out)["objects"]]
    seconds = max(last for _, last in spans) - min(first for first, _ in spans)
    cpu = sum(cost.cpu_seconds for cost in costs) / workload.events * 1e6
    return {
        "rate": workload.events / seconds,
        "cpu_seconds": cpu,
        "peak_mb": max(cost.peak_bytes for cost in costs) / 1e6,
    }


def _line(workload: Workload, count: int, runs: list[dict[str, float]]) -> dict[str, Any]:
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return {
        "partitions": workload.partitions,
        "processes": count,
        "rate": round(medians["rate"]),
        "cpu_seconds": round(medians["cpu_seconds"], 2),
        "peak_mb": round(medians["peak_mb"]),
    }


def simulation(client: float) -> list[dict[str, Any]]:
    """Rates by shape and latency, with a process that decodes and encodes `client` records a second at best."""
    return [
        {
            "processes": processes,
            "partitions": partitions,
            "rows": rows,
            "rates": [_beyond(Pipeline(processes, partitions, rows, latency, client)) for latency in LATENCIES],
        }
        for processes, partitions in SHAPES
        for rows in (10_000, 100_000)
    ]


def _beyond(pipeline: Pipeline) -> dict[str, Any]:
    by, limit = limited(pipeline)
    return {"by": by, "limit": round(limit), "simulated": round(simulated(pipeline))}
