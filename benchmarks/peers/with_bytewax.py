"""Bytewax: its Kafka input to the end of the topic, a function for the columns, a Parquet sink as its guide has it.

It keeps its place in snapshots of its own and commits nothing; none are taken here, which is in its favour.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import bytewax.operators as op
import pyarrow as pa
import pyarrow.parquet as pq
from bytewax.connectors.kafka import KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main
from task import SCHEMA, Clock, parsed

CLOCK = Clock()
Row = dict[str, object]


def columns(message: KafkaSourceMessage) -> Row:
    event = json.loads(message.value)
    return {
        "event_id": event["event_id"],
        "event_type": event["event_type"],
        "occurred_at": datetime.fromisoformat(event["timestamp"]),
        "learner_id": event["learner_id"],
        "tenant_id": event.get("tenant_id") or "default",
        "session_id": event.get("session_id"),
        "data": json.dumps(event.get("data", {})),
        "metadata": json.dumps(event.get("metadata", {})),
        "_partition": message.partition,
        "_offset": message.offset,
    }


class Files(StatelessSinkPartition[Row]):
    """One Parquet file for so many rows."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._rows = folder, rows
        self._held: list[Row] = []
        self._files = 0

    def write_batch(self, items: list[Row]) -> None:
        CLOCK.tick()
        self._held += items
        if len(self._held) >= self._rows:
            self._write()

    def close(self) -> None:
        if self._held:
            self._write()

    def _write(self) -> None:
        table = pa.Table.from_pylist(self._held, schema=SCHEMA)
        path = self._folder / f"{self._files:06d}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=1)
        self._files += 1
        self._held = []


class ParquetSink(DynamicSink[Row]):
    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._rows = folder, rows

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Files:
        return Files(self._folder, self._rows)


def main() -> None:
    task = parsed()
    folder = Path(task.folder)
    folder.mkdir(parents=True)
    flow = Dataflow("events")
    found = kop.input("in", flow, brokers=[task.bootstrap], topics=[task.topic], tail=False)
    op.output("out", op.map("columns", found.oks, columns), ParquetSink(folder, task.rows))
    run_main(flow)
    CLOCK.report()


if __name__ == "__main__":
    main()
