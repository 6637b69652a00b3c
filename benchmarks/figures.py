"""From runs to medians and ratios. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.contestants import Contestant
from benchmarks.trial import Figures

Line = dict[str, Any]


def line(contestant: Contestant, runs: Sequence[Figures]) -> Line:
    """A contestant's line of a table: medians over its runs. One void run makes it void."""
    told: Line = {
        "name": contestant.name,
        "kind": contestant.kind,
        "rows": contestant.rows,
        "compression": contestant.compression,
        "place": contestant.place,
    }
    if reasons := [run.void for run in runs if run.void]:
        return told | {"void": reasons[0]}
    return told | {
        "rate": round(statistics.median(run.rate for run in runs)),
        "rates": [round(run.rate) for run in runs],
        "start_seconds": round(statistics.median(run.start_seconds for run in runs), 2),
        "cpu_seconds": round(statistics.median(run.cpu_seconds for run in runs), 2),
        "peak_mb": round(statistics.median(run.peak_mb for run in runs)),
    }


def rate(lines: Sequence[Line], kind: str, name: str = "", rows: int = 0) -> float | None:
    """The greatest median rate of a kind (whose name begins so, at so many rows); None if nobody has one."""
    found = [
        one["rate"]
        for one in lines
        if one["kind"] == kind and one["name"].startswith(name) and rows in (0, one["rows"]) and "rate" in one
    ]
    return max(found, default=None)


def ratios(lines: Sequence[Line], rows: int = 0) -> dict[str, float]:
    """How `ingest consume` at its best compares, at so many rows a file (0: any); only with those that took part."""
    own = rate(lines, "ours", rows=rows)
    others = {
        "of_c": rate(lines, "limit", "count in C"),
        "of_python": rate(lines, "limit", "count in Python"),
        "of_hand_written": rate(lines, "hand-written", rows=rows),
    }
    return {} if own is None else {name: round(own / other, 3) for name, other in others.items() if other}
