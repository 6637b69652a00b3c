"""What was asked of `ingest consume`, and what a run found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.figures import Line, rate
from benchmarks.tables import table

Parts = dict[str, Any]


class Target(NamedTuple):
    """A figure that was asked for (`least`, or at `most`), and the one that was found."""

    what: str
    asked: float
    found: float
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """Whether it is reached."""
        return self.found <= self.asked if self.at_most else self.found >= self.asked


def targets(parts: Parts) -> list[Target]:
    """All that these parts can answer."""
    found: list[Target] = []
    if "contest" in parts:
        found += _of_contest(parts["contest"]["lines"])
    if "workloads" in parts:
        found += _of_bad_records(parts["workloads"]["workloads"])
    if "memory" in parts:
        found += _of_memory(parts["memory"]["lines"])
    return found


def targets_table(parts: Parts) -> str:
    """A line for each; what is missed says by how much."""
    rows = []
    for one in targets(parts):
        share = one.asked / one.found if one.at_most else one.found / one.asked
        verdict = "holds" if one.holds else f"**missed**: {share:.2f} of it"
        sign = "≤" if one.at_most else "≥"
        rows.append((one.what, f"{sign} {one.asked:,g}", f"{one.found:,.3g}", verdict))
    return table(("what", "asked", "found", ""), rows)


def _ours(lines: Sequence[Line], rows: int, place: str = "folder", compression: str = "zstd") -> float | None:
    wanted = ("ingest consume", rows, place, compression)
    keys = ("name", "rows", "place", "compression")
    return next((one["rate"] for one in lines if tuple(one[key] for key in keys) == wanted and "rate" in one), None)


def _of_contest(lines: Sequence[Line]) -> Iterator[Target]:
    small, large = _ours(lines, 10_000), _ours(lines, 100_000)
    limit = rate(lines, "limit", "count in C")
    if not (small and large):
        return
    if limit:
        yield Target("of counting in C, at 100,000 rows a batch", 0.42, large / limit)
        yield Target("of counting in C, at 10,000", 0.36, small / limit)
    for what, asked, other in (
        ("times the best loop by hand (orjson, tuned)", 4.5, rate(lines, "hand-written", rows=10_000)),
        ("times the best loop with Python's own json", 4.5, _best_json(lines)),
        ("times bytewax", 5, rate(lines, "peer", "bytewax")),
        ("times dlt", 5, rate(lines, "peer", "dlt")),
        ("times Quix Streams", 5, rate(lines, "peer", "Quix")),
        ("times Bento, the fork of Redpanda Connect", 3, rate(lines, "peer", "Bento")),
    ):
        if other:
            yield Target(f"{what}, 10,000 rows a batch", asked, small / other)
    for rows, near in ((10_000, small), (100_000, large)):
        if s3 := _ours(lines, rows, "s3"):
            yield Target(f"S3 API relative to a folder, {rows:,} rows a batch", 0.85, s3 / near)
            if far := _ours(lines, rows, "s3 far"):
                yield Target(f"150 ms a put relative to none, {rows:,} rows a batch", 0.85, far / s3)


def _best_json(lines: Sequence[Line]) -> float | None:
    rates = [
        one["rate"] for one in lines if one["kind"] == "hand-written" and ", json," in one["name"] and "rate" in one
    ]
    return max(rates, default=None)


def _of_bad_records(workloads: Sequence[dict[str, Any]]) -> Iterator[Target]:
    """Beside the clean records that were read just before."""
    rates = {one["workload"]: rate(one["lines"], "ours") for one in workloads}
    for workload, bad in rates.items():
        clean = rates.get(workload.replace("5.0% bad", "clean"))
        if "5.0% bad" in workload and clean and bad:
            yield Target("time with 5 % bad records relative to none", 1.33, clean / bad, at_most=True)


def _of_memory(lines: Sequence[dict[str, Any]]) -> Iterator[Target]:
    for one in lines:
        where = f"{one['events']:,} records, {one['partitions']} partitions"
        yield Target(f"peak MB, {where}", 400, one["peak_mb"], at_most=True)
        steady = one["tenths_mb"][2:]
        yield Target(
            f"memory at the end relative to a third of the way, {where}", 1.1, steady[-1] / steady[0], at_most=True
        )
