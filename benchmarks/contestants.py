"""Who takes part, and by which command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.workloads import Workload

HERE = Path(__file__).parent
INGEST = str(Path(sys.executable).parent / "ingest")
Kind = Literal["limit", "ours", "hand-written", "peer"]
Place = Literal["", "folder", "s3", "s3 far"]


@dataclass(frozen=True)
class Tools:
    """What is on this machine: the C program, the Python that has the peers, Bento; None where it can't be had."""

    counting: Path | None
    peers: Path | None
    bento: Path | None = None


@dataclass(frozen=True)
class Errand:
    """What one run is about. `folder` is where the files go, `stores` the S3 servers' addresses by place."""

    bootstrap: str
    workload: Workload
    group: str
    folder: Path
    stores: dict[Place, str]


@dataclass(frozen=True)
class Contestant:
    """One way to do the work. `rows` a file; `place` of the files; empty for those that only count.

    `reader` is what reads records in ours.
    """

    name: str
    kind: Kind
    command: Callable[[Errand], list[str]]
    rows: int = 0
    compression: str = ""
    place: Place = ""
    reader: str = ""


def counted_in_c(program: Path) -> Contestant:
    def command(errand: Errand) -> list[str]:
        work = errand.workload
        return [str(program), errand.bootstrap, work.topic, errand.group, str(work.events)]

    return Contestant("count in C, librdkafka", "limit", command)


def counted_in_python() -> Contestant:
    def command(errand: Errand) -> list[str]:
        return _script(sys.executable, "counting", "count", errand, tuned=True)

    return Contestant("count in Python, consume(1000)", "limit", command)


def ours(rows: int, compression: str = "zstd", place: Place = "folder", reader: str = "auto") -> Contestant:
    """`ingest consume --once`, told how many records there are, which saves the wait for the end."""

    def command(errand: Errand) -> list[str]:
        store = str(errand.folder) if place == "folder" else f"s3://{errand.group}/events"
        options = {
            "topic": errand.workload.topic,
            "group": errand.group,
            "store": store,
            "bootstrap-servers": errand.bootstrap,
            "batch-size": str(rows),
            "compression": compression,
            "max-records": str(errand.workload.events),
            "output": "json",
        }
        words = (word for name, value in options.items() for word in (f"--{name}", value))
        return [INGEST, "consume", "--once", *words]

    name = "ingest consume" + (", read in Python" if reader == "python" else "")
    return Contestant(name, "ours", command, rows, compression, place, reader)


def hand_written(tools: Tools, variant: str, rows: int, *, tuned: bool) -> Contestant:
    def command(errand: Errand) -> list[str]:
        return _script(str(tools.peers), "handwritten", variant, errand, rows, tuned=tuned)

    reading, parsing, writing = variant.split("-")
    call = {"poll": "poll()", "consume": "consume(1000)"}[reading]
    name = f"{call}, {parsing}, {writing}" + (", tuned" if tuned else "")
    return Contestant(name, "hand-written", command, rows, "zstd", "folder")


def peer(tools: Tools, name: str, script: str, variant: str, rows: int, compression: str = "zstd") -> Contestant:
    def command(errand: Errand) -> list[str]:
        return _script(str(tools.peers), script, variant, errand, rows)

    return Contestant(name, "peer", command, rows, compression, "folder")


def limits(tools: Tools) -> list[Contestant]:
    return [*([counted_in_c(tools.counting)] if tools.counting else []), counted_in_python()]


def best_loops(tools: Tools, rows: int) -> list[Contestant]:
    """The quickest of the loops written by hand, tuned."""
    if tools.peers is None:
        return []
    return [hand_written(tools, f"consume-orjson-{writing}", rows, tuned=True) for writing in ("pyarrow", "polars")]


def everybody(tools: Tools) -> list[Contestant]:
    """All contestants of the main workload."""
    own = [ours(rows, kind) for rows in (10_000, 100_000) for kind in ("snappy", "zstd")]
    away: tuple[Place, ...] = ("s3", "s3 far")
    own.append(ours(10_000, reader="python"))
    own += [ours(rows, "zstd", place) for place in away for rows in (10_000, 100_000)]
    return [*limits(tools), *own, *(others(tools) if tools.peers else [])]


def others(tools: Tools, rows: int = 10_000) -> list[Contestant]:
    """The loops written by hand and the tools, at so many rows a file; the best loops also at ten times as many."""
    variants = ("poll-json-pyarrow", "consume-json-pyarrow", "consume-orjson-pyarrow", "consume-orjson-polars")
    loops = [hand_written(tools, one, rows, tuned=tuned) for one in variants for tuned in (False, True)]
    in_go = [peer(tools, "Bento, Parquet encoder", "with_bento", str(tools.bento), rows)] if tools.bento else []
    return [
        *loops,
        *best_loops(tools, rows * 10),
        *in_go,
        peer(tools, "Quix Streams, FileSink", "with_quix", "quix", rows),
        peer(tools, "bytewax, Parquet sink", "with_bytewax", "bytewax", rows),
        peer(tools, "dlt, dicts", "with_dlt", "dicts", rows, "snappy"),
        peer(tools, "dlt, Arrow", "with_dlt", "arrow", rows, "snappy"),
    ]


def _script(
    python: str, script: str, variant: str, errand: Errand, rows: int = 0, *, tuned: bool = False
) -> list[str]:
    work = errand.workload
    options = {
        "bootstrap": errand.bootstrap,
        "topic": work.topic,
        "group": errand.group,
        "folder": str(errand.folder),
        "rows": str(rows),
        "events": str(work.events),
        "partitions": str(work.partitions),
    }
    words = (word for name, value in options.items() for word in (f"--{name}", value))
    return [python, str(HERE / "peers" / f"{script}.py"), variant, *words, *(["--tuned"] if tuned else [])]
