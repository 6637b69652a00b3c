"""`ingest consume` with a clock at its steps: as ours, and where the processor's time went at the end.

    python -m benchmarks.profiled FILE consume …

Writes {step: seconds} of the main thread and {kind: seconds} of the others to FILE. Each step is without those that
are called within it.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

STEPS: Counter[str] = Counter()
_within: list[float] = []
#: How the names of threads begin, and whose they are.
THREADS = {
    "rdk": "the client's threads: fetch, decompress, split",
    "async-executor": "Polars: encode and compress",
    "polars": "Polars: encode and compress",
    "tokio": "Polars: encode and compress",
    "jemalloc": "Polars: encode and compress",
}
OTHERS = "put: checksum, metadata, the folder"


def timed(owner: Any, name: str, step: str) -> None:
    """Have the time of a function counted, without that of those within it that are timed as well."""
    function = getattr(owner, name)

    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        began = time.thread_time()
        _within.append(0.0)
        try:
            return function(*args, **named)
        finally:
            took = time.thread_time() - began
            STEPS[step] += took - _within.pop()
            if _within:
                _within[-1] += took

    setattr(owner, name, wrapper)


def threads() -> Counter[str]:
    """Seconds by kind of thread, the main one apart."""
    found: Counter[str] = Counter()
    for task in Path("/proc/self/task").iterdir():
        if task.name == str(os.getpid()):
            continue
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(") ")
        kind = next((whose for start, whose in THREADS.items() if name.startswith(start)), OTHERS)
        found[kind] += sum(map(int, rest.split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return found


def main(file: Path, words: list[str]) -> None:
    from ingest import batch, cli, consume, decode, flush, reader, source

    timed(source.KafkaSource, "poll", "the client's consume()")
    timed(source, "_gather", "taking records over")
    timed(decode.Decoder, "__call__", "reading records")
    timed(reader.Reading, "add", "reading records")
    timed(batch.Buffer, "_settle", "columns to rows")
    timed(batch.Buffer, "take", "batches")
    timed(flush.Flushes, "flush", "batches")
    timed(flush.Flushes, "settle", "commits, metrics, log")
    timed(consume.Consumer, "_turn", "the loop itself")
    close = source.KafkaSource.close

    def told(self: source.KafkaSource) -> None:
        file.write_text(json.dumps({"steps": STEPS, "threads": threads()}))  # while the client has its threads
        close(self)

    source.KafkaSource.close = told  # type: ignore[method-assign]
    sys.argv = ["ingest", *words]
    cli.main()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
