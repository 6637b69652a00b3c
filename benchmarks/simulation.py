"""How fast many partitions and processes would be, by arithmetic: of a store one knows the latency of a put. Pure.

Two things bound the rate, and the lesser counts:

    processes * client                      what each reads, decodes and encodes in a second, on a core of its own
    partitions * rows / (encode + put)      each partition has one unresolved put; its next object waits for it
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass


@dataclass(frozen=True)
class Pipeline:
    """What is asked about. `latency` in seconds a put, `client` in records a second of one process."""

    processes: int
    partitions: int
    rows: int
    latency: float
    client: float
    encode_share: float = 0.1  #: of a process's time that encoding takes
    puts: int = 8  #: at once, of one process (PUT_CONCURRENCY)

    @property
    def encode(self) -> float:
        """Seconds that one object takes to encode."""
        return self.rows / self.client * self.encode_share


def limited(pipeline: Pipeline) -> tuple[str, float]:
    """The limit that counts, and its records a second."""
    lanes = min(pipeline.partitions, pipeline.processes * pipeline.puts)
    limits = {
        "processes": pipeline.processes * pipeline.client,
        "puts": lanes * pipeline.rows / (pipeline.encode + pipeline.latency),
    }
    by = min(limits, key=limits.__getitem__)
    return by, limits[by]


def simulated(pipeline: Pipeline, objects: int = 200) -> float:
    """Records a second of all processes, when each partition brings so many objects, one after the other.

    Each process works on one batch at a time, of that of its partitions whose last put was settled first.
    """
    mine = [pipeline.partitions // pipeline.processes] * pipeline.processes
    ends = [_process(pipeline, partitions, objects) for partitions in mine if partitions]
    return sum(mine) * objects * pipeline.rows / max(ends)


def _process(pipeline: Pipeline, partitions: int, objects: int) -> float:
    work = pipeline.rows / pipeline.client
    settled = [0.0] * partitions  # when each partition may send again
    slots = [0.0] * pipeline.puts  # when each of the puts at once is free
    now = 0.0
    for _ in range(partitions * objects):
        free = heapq.heappop(settled)
        now = max(now + work, free)  # the batch is gathered while the partition's last put is on its way
        landed = max(now, heapq.heappop(slots)) + pipeline.encode + pipeline.latency
        heapq.heappush(settled, landed)
        heapq.heappush(slots, landed)
    return max(settled)
