"""Objects into DuckDB by `ingest load`, and the models by `dbt build`."""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from benchmarks.contestants import INGEST, Errand, ours
from benchmarks.dbt_increments import COLUMNS as DBT_COLUMNS
from benchmarks.dbt_increments import increments
from benchmarks.processes import measured
from benchmarks.tables import listed
from benchmarks.topics import fill, kafka
from benchmarks.trial import environment
from benchmarks.workloads import Workload

LOAD_COLUMNS = {
    "events": "events",
    "rows": "rows an object",
    "objects": "objects",
    "rate": "rows/s",
    "start_seconds": "start s",
    "cpu_seconds": "CPU s / million",
    "peak_mb": "peak MB",
}
LARGE = 100_000


def load(chosen: Namespace) -> dict[str, Any]:
    """`ingest load` of what `ingest consume` stored, at several sizes; of the smallest also as large objects."""
    found = []
    for events in chosen.warehouse:
        with kafka() as bootstrap, tempfile.TemporaryDirectory(prefix="bench_") as home:
            workload = Workload(events)
            fill(bootstrap, workload)
            for rows in (10_000, LARGE) if events == min(chosen.warehouse) else (10_000,):
                errand = Errand(bootstrap, workload, f"load-{rows}", Path(home) / f"load_{rows}", {})
                stored = measured(ours(rows).command(errand), environment(errand, ours(rows)), Path(home))
                assert stored.code == 0, stored.err[-500:]
                found.append({"events": events, "rows": rows, **loaded(errand, Path(home))})
    print(listed(found, LOAD_COLUMNS, left=0))
    return {"lines": found}


def loaded(errand: Errand, home: Path) -> dict[str, Any]:
    """One load into a new warehouse. A second one, with nothing to do, says what the start costs."""
    warehouse = str(home / f"{errand.group}.duckdb")
    command = [INGEST, "load", "--store", str(errand.folder), "--warehouse", warehouse, "--output", "json"]
    first, second = (measured(command, environment(errand, ours(1)), home) for _ in range(2))
    summary = json.loads(first.out)
    events = errand.workload.events
    assert summary["rows"] == events, summary
    return {
        "objects": summary["objects"],
        "rate": round(events / (first.seconds - second.seconds)),
        "start_seconds": round(second.seconds, 2),
        "cpu_seconds": round(first.cpu_seconds / events * 1e6, 2),
        "peak_mb": round(first.peak_bytes / 1e6),
    }


def dbt(chosen: Namespace) -> dict[str, Any]:
    """`dbt build` over histories of several sizes, and over what a day adds to them. A size that fails is void."""
    found: list[dict[str, Any]] = []
    void: list[str] = []
    for events in chosen.warehouse:
        with tempfile.TemporaryDirectory(prefix="bench_") as folder:
            try:
                for line in increments(events, Path(folder)):
                    found.append(line)
                    print(f"  {line['history']:,} events, {line['what']}: {line['seconds']} s", flush=True)
            except RuntimeError as error:
                print(error)
                void.append(f"{events:,} events: {str(error).partition(':')[0]}")
    print(listed(found, DBT_COLUMNS, left=2))
    return {"lines": found, "void": void}
