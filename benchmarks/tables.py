"""Tables, as Markdown, which reads well on a terminal too. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.figures import Line, rate

Cells = Sequence[str]


def table(head: Cells, rows: Sequence[Cells], left: int = 1) -> str:
    """A table whose first `left` columns are text, the others numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    rule = ["-" * width if place < left else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    padded = [
        [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in (head, *rows)
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in (padded[0], rule, *padded[1:]))


def contest_table(lines: Sequence[Line]) -> str:
    """Contestants with their medians, and their rates beside the C limit and the best loop written by hand."""
    limit, best = rate(lines, "limit", "count in C"), rate(lines, "hand-written")
    head = ("contestant", "rows a file", "records/s", "of C", "to by hand", "CPU s / million", "peak MB", "start s")
    return table(head, [_contestant(one, limit, best) for one in lines], left=2)


def _contestant(one: Line, limit: float | None, best: float | None) -> Cells:
    files = f"{one['rows']:,} {one['compression']}, {PLACES[one['place']]}" if one["rows"] else ""
    if "void" in one:
        return (one["name"], files, f"void: {one['void']}", *[""] * 5)
    return (
        one["name"],
        files,
        f"{one['rate']:,}",
        share(one["rate"], limit),
        share(one["rate"], best),
        f"{one['cpu_seconds']:.1f}",
        f"{one['peak_mb']:,}",
        f"{one['start_seconds']:.1f}",
    )


def workloads_table(found: Sequence[dict[str, Any]]) -> str:
    """One line a workload: rates, and those of `ingest consume` beside the others'."""
    head = (
        "workload",
        "C",
        "Python",
        "ingest consume",
        "best by hand",
        "of C",
        "to by hand",
        "CPU s / million",
        "peak MB",
    )
    return table(head, [_workload(one) for one in found])


def _workload(one: dict[str, Any]) -> Cells:
    lines = one["lines"]
    kinds = (("limit", "count in C"), ("limit", "count in Python"), ("ours", ""), ("hand-written", ""))
    rates = [rate(lines, *kind) for kind in kinds]
    own = next(line for line in lines if line["kind"] == "ours")
    if rates[2] is None:
        return (one["workload"], *map(_rate, rates), *[""] * 4)
    more = (share(rates[2], rates[0]), share(rates[2], rates[3]))
    return (one["workload"], *map(_rate, rates), *more, f"{own['cpu_seconds']:.1f}", f"{own['peak_mb']:,}")


def profile_table(readers: dict[str, dict[str, dict[str, float]]]) -> str:
    """Steps of the main thread, their sum, and the other threads: a column for each reader."""
    rows = []
    for part, total in (("steps", "main thread, in all"), ("threads", "other threads, in all")):
        for name in dict.fromkeys(name for one in readers.values() for name in one[part]):
            rows.append((name, *(f"{one[part].get(name, 0):.2f}" for one in readers.values())))
        rows.append((f"**{total}**", *(f"**{sum(one[part].values()):.2f}**" for one in readers.values())))
    return table(("step", *(f"{name} reader" for name in readers)), rows)


def _rate(figure: float | None) -> str:
    return f"{figure:,}" if figure else ""


PLACES = {"folder": "folder", "s3": "S3 API", "s3 far": "S3 API, 150 ms a put", "": ""}


def share(figure: float, whole: float | None) -> str:
    return f"{figure / whole:.2f}" if whole else ""


def listed(found: Sequence[dict[str, Any]], columns: dict[str, str], left: int = 1) -> str:
    """A table of like things: `columns` are their keys with the heads; floats with one digit."""
    return table(list(columns.values()), [[_cell(one[key]) for key in columns] for one in found], left)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def simulation_table(found: Sequence[dict[str, Any]]) -> str:
    """What the simulation gives, and in brackets the arithmetic; by puts where these are the limit."""
    head = ("processes", "partitions", "rows an object", "30 ms a put", "75 ms", "150 ms", "200 ms")
    rows = [
        (f"{one['processes']}", f"{one['partitions']}", f"{one['rows']:,}", *map(_simulated, one["rates"]))
        for one in found
    ]
    return table(head, rows, left=0)


def _simulated(one: dict[str, Any]) -> str:
    return f"{one['simulated'] / 1000:,.0f}k ({one['limit'] / 1000:,.0f}k{' puts' * (one['by'] == 'puts')})"


def memory_table(found: Sequence[dict[str, Any]]) -> str:
    """Resident memory tenth by tenth of a run, in MB."""
    head = ("events", "partitions", "records/s", *(f"{place * 10} %" for place in range(1, 11)), "peak MB")
    rows = [
        [
            f"{one['events']:,}",
            str(one["partitions"]),
            f"{one['rate']:,}",
            *map(str, one["tenths_mb"]),
            f"{one['peak_mb']:,}",
        ]
        for one in found
    ]
    return table(head, rows, left=0)
