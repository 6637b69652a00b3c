"""Where the processor's time goes in `ingest consume`, in microseconds a record."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from benchmarks.contestants import Errand, ours
from benchmarks.tables import profile_table
from benchmarks.topics import fill, kafka
from benchmarks.trial import tried
from benchmarks.workloads import Workload
from ingest.reader import compiled_reader


def profile(chosen: Namespace) -> dict[str, Any]:
    """Each step of the main thread and each other kind of thread: the compiled reader, and Python."""
    workload = Workload(chosen.events)
    readers = ["compiled", "python"] if compiled_reader() else ["python"]
    with tempfile.TemporaryDirectory(prefix="bench_") as home, kafka() as bootstrap:
        fill(bootstrap, workload)
        lines = {one: _medians(bootstrap, workload, one, chosen.rounds, Path(home)) for one in readers}
    print(profile_table(lines))
    return {"events": workload.events, "rounds": chosen.rounds, "cores": os.cpu_count(), "readers": lines}


def _medians(bootstrap: str, workload: Workload, reader: str, rounds: int, home: Path) -> dict[str, dict[str, float]]:
    runs = [_run(bootstrap, workload, reader, f"{reader}{turn}", home) for turn in range(rounds)]
    return {
        part: {
            name: round(statistics.median(run[part].get(name, 0) for run in runs) / workload.events * 1e6, 2)
            for name in runs[0][part]
        }
        for part in ("steps", "threads")
    }


def _run(bootstrap: str, workload: Workload, reader: str, group: str, home: Path) -> dict[str, dict[str, float]]:
    told = home / f"{group}.json"
    plain = ours(10_000, reader=reader)

    def command(errand: Errand) -> list[str]:
        return [sys.executable, "-m", "benchmarks.profiled", str(told), *plain.command(errand)[1:]]

    found = tried(
        dataclasses.replace(plain, command=command), Errand(bootstrap, workload, group, home / group, {}), home
    )
    assert not found.void, found.void
    read: dict[str, dict[str, float]] = json.loads(told.read_text())
    return read
