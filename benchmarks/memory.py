"""Is memory flat over a long backlog, and over many partitions?"""

from __future__ import annotations

import statistics
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contest import clear
from benchmarks.contestants import Errand, ours
from benchmarks.processes import measured
from benchmarks.tables import memory_table
from benchmarks.topics import fill, kafka
from benchmarks.trial import between, environment, files, rows_of
from benchmarks.workloads import Workload

PARTITIONS = (4, 16)
TENTHS = 10


def memory(chosen: Namespace) -> dict[str, Any]:
    """`ingest consume` over the whole backlog, its memory sampled, with few and with many partitions."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bench_") as home:
        for partitions in PARTITIONS:
            workload = Workload(chosen.backlog, partitions=partitions)
            with kafka() as bootstrap:
                fill(bootstrap, workload)
                found.append(sampled(bootstrap, workload, Path(home)))
    print(memory_table(found))
    return {"lines": found}


def sampled(bootstrap: str, workload: Workload, home: Path) -> dict[str, Any]:
    """One run: the median of resident memory in each tenth of it, and the peak, in 10^6 bytes."""
    errand, contestant = Errand(bootstrap, workload, workload.topic, home / workload.topic, {}), ours(10_000)
    cost = measured(contestant.command(errand), environment(errand, contestant), home)
    stored = rows_of(files(contestant, errand))
    clear(home, errand)
    assert stored == workload.events, f"{stored:,} rows of {workload.events:,} records: {cost.err[-500:]}"
    first, last = between(cost.err)
    during = [(at - (first - cost.began), size) for at, size in cost.memory]
    return {
        "events": workload.events,
        "partitions": workload.partitions,
        "rate": round(workload.events / (last - first)),
        "tenths_mb": [round(size / 1e6) for size in tenths(during, last - first)],
        "peak_mb": round(cost.peak_bytes / 1e6),
    }


def tenths(samples: Sequence[tuple[float, int]], seconds: float) -> list[float]:
    """The median of each tenth of a run; a tenth without a sample takes the one before."""
    parts: list[list[int]] = [[] for _ in range(TENTHS)]
    for at, size in samples:
        if 0 <= at < seconds:
            parts[int(at / seconds * TENTHS)].append(size)
    medians: list[float] = []
    for part in parts:
        medians.append(statistics.median(part) if part else (medians[-1] if medians else 0))
    return medians
