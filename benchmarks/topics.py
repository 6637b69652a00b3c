"""An Apache Kafka of the benchmark's own, and the topics on it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.workloads import Workload, records
from infra.kafka import broker

#: So that all members of a group are there before its first assignment; start-up is told apart from speed.
PATIENT = "group.initial.rebalance.delay.ms=3000\n"


@contextmanager
def kafka(more: str = "") -> Iterator[str]:
    """The bootstrap address of a broker that ends with the block; `more` are properties of it."""
    with tempfile.TemporaryDirectory(prefix="bench_") as folder:
        home, port = broker.Home(Path(folder) / "kafka"), broker.free_port()
        process = broker.start(home, port, broker.free_port(), more)
        try:
            yield f"{broker.HOST}:{port}"
        finally:
            broker.stop(home)
            process.wait(10)


def fill(bootstrap: str, workload: Workload) -> None:
    """Make the workload's topic and write its records."""
    from ingest.kafka import Producer, client_settings, ensure_topic

    began = time.perf_counter()
    settings = client_settings(bootstrap)
    ensure_topic(settings, workload.topic, workload.partitions, 30)
    length = 0
    with Producer(settings | {"compression.type": workload.codec}, workload.topic) as producer:
        for key, value in records(workload):
            producer.send(key, value)
            length += len(value)
    seconds = time.perf_counter() - began
    print(f"topic of {workload} ({length / workload.events:.0f} B in the mean), {seconds:.0f} s to fill", flush=True)
