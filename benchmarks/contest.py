"""Contestants side by side: on one topic, in turn, round by round, so that noise hits all alike."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.contestants import HERE, Contestant, Errand, Place, counted_in_python
from benchmarks.figures import Line, line
from benchmarks.topics import fill
from benchmarks.trial import Figures, tried
from benchmarks.workloads import Workload

#: Seconds before each put is answered.
LATENCIES: dict[Place, float] = {"s3": 0.0, "s3 far": 0.15}


def contest(bootstrap: str, workload: Workload, contestants: Sequence[Contestant], rounds: int) -> list[Line]:
    """Fill the topic, let each contestant read it `rounds` times; answer a line for each."""
    fill(bootstrap, workload)
    places = sorted({one.place for one in contestants if one.place in LATENCIES})
    with tempfile.TemporaryDirectory(prefix="bench_") as name, ExitStack() as stack:
        home = Path(name)
        stores = {place: stack.enter_context(s3(home / place, LATENCIES[place])) for place in places}
        runs: list[list[Figures]] = [[] for _ in contestants]
        tried(counted_in_python(), Errand(bootstrap, workload, "first", home / "first", stores), home)  # warms all up
        for turn in range(rounds):
            for place, one in enumerate(contestants):
                group = f"round{turn}-{place}"
                errand = Errand(bootstrap, workload, group, home / f"round{turn}_{place}", stores)
                runs[place].append(tried(one, errand, home))
                tell(turn, one, runs[place][-1])
                clear(home, errand)
    return [line(one, found) for one, found in zip(contestants, runs, strict=True)]


def tell(turn: int, contestant: Contestant, found: Figures) -> None:
    told = found.void or f"{found.rate:>11,.0f}/s   start {found.start_seconds:4.1f} s   {found.peak_mb:6,.0f} MB"
    print(f"  round {turn + 1}  {title(contestant):<48} {told}", flush=True)


def title(contestant: Contestant) -> str:
    rows = f"{contestant.rows // 1000}k {contestant.compression} {contestant.place}" if contestant.rows else ""
    return f"{contestant.name}  {rows}".strip()


def clear(home: Path, errand: Errand) -> None:
    """Remove what a run left, so that a disk holds one run's files at a time."""
    for folder in (errand.folder, *(home / place / errand.group for place in errand.stores)):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def s3(folder: Path, latency: float) -> Iterator[str]:
    """The address of an S3 server that ends with the block."""
    words = ["-m", "benchmarks.s3_server", "--folder", str(folder), "--put-latency", str(latency)]
    with subprocess.Popen([sys.executable, *words], cwd=HERE.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
