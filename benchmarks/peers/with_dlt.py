"""dlt: a resource over `consume(1000)` that yields dicts or Arrow tables, its filesystem destination with Parquet.

One run for the whole backlog, the offsets committed when it has been loaded. Variants: `dicts`, `arrow`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import dlt
import pyarrow as pa
from confluent_kafka import Consumer
from dlt.destinations import filesystem
from handwritten import row, with_json
from task import SCHEMA, Clock, consumer_settings, parsed

CLOCK = Clock()
NAMES = [name.removeprefix("_") for name in SCHEMA.names]


def batches(consumer: Consumer, events: int) -> Iterator[list[tuple[object, ...]]]:
    done = 0
    while done < events:
        messages = [message for message in consumer.consume(1000, 0.1) if message.error() is None]
        if messages:
            CLOCK.tick()
            done += len(messages)
            yield [row(message, with_json) for message in messages]


def tables(found: Iterator[list[tuple[object, ...]]], size: int) -> Iterator[pa.Table]:
    """Arrow tables of about so many rows: dlt writes a file for each that it is given."""
    held: list[tuple[object, ...]] = []
    for rows in found:
        held += rows
        if len(held) >= size:
            yield table(held)
            held = []
    if held:
        yield table(held)


def table(rows: list[tuple[object, ...]]) -> pa.Table:
    arrays = [
        pa.array(column) if name == "occurred_at" else pa.array(column, kind)
        for name, kind, column in zip(NAMES, SCHEMA.types, zip(*rows, strict=True), strict=True)
    ]
    found = pa.Table.from_arrays(arrays, names=NAMES)
    return found.cast(pa.schema(list(zip(NAMES, SCHEMA.types, strict=True))))


def main() -> None:
    task = parsed()
    os.environ["DATA_WRITER__FILE_MAX_ITEMS"] = str(task.rows)
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    consumer = Consumer(consumer_settings(task))
    consumer.subscribe([task.topic])
    found = batches(consumer, task.events)
    if task.variant == "arrow":
        rows: Iterator[object] = tables(found, task.rows)
    else:
        rows = ([dict(zip(NAMES, one, strict=True)) for one in some] for some in found)
    with tempfile.TemporaryDirectory() as state:
        pipeline = dlt.pipeline(
            pipeline_name="events",
            pipelines_dir=state,
            destination=filesystem(bucket_url=task.folder),
            dataset_name="raw",
        )
        pipeline.run(
            rows,
            table_name="events",
            loader_file_format="parquet",
            write_disposition="append",
            columns={"occurred_at": {"data_type": "timestamp"}},
        )
    consumer.commit(asynchronous=False)
    consumer.close()
    CLOCK.report()


if __name__ == "__main__":
    main()
