"""The loops that one writes by hand: confluent-kafka, a JSON parser and pyarrow or Polars; one file for so many rows.

The offsets are committed after the file, so records are stored at least once. A record that is no event becomes a
row with its bytes. Variants: `poll-json-pyarrow`, `consume-json-pyarrow`, `consume-orjson-pyarrow`,
`consume-orjson-polars`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, Message
from task import SCHEMA, Clock, consumer_settings, parsed

Row = tuple[object, ...]


def with_json(value: bytes) -> Row:
    event = json.loads(value)
    return _row(event, json.dumps)


def with_orjson(value: bytes) -> Row:
    import orjson

    event = orjson.loads(value)
    return _row(event, lambda part: orjson.dumps(part).decode())


def _row(event: dict[str, object], text: Callable[[object], str]) -> Row:
    required = event["event_id"], event["event_type"], event["timestamp"], event["learner_id"]
    for value in required:
        if type(value) is not str:  # one number among them, and the whole file could not be written
            raise TypeError
    return (
        *required,
        event.get("tenant_id") or "default",
        event.get("session_id"),
        text(event.get("data", {})),
        text(event.get("metadata", {})),
    )


def row(message: Message, parse: Callable[[bytes], Row]) -> Row:
    place = (message.partition(), message.offset())
    try:
        return (*parse(message.value()), *place, None, None)
    except (ValueError, KeyError, TypeError) as error:
        return (*(None,) * 8, *place, type(error).__name__, message.value())


def write_pyarrow(rows: list[Row], path: Path) -> None:
    columns = list(zip(*rows, strict=True))
    arrays = [
        pa.array(columns[2]).cast(field.type) if field.name == "occurred_at" else pa.array(column, field.type)
        for column, field in zip(columns, SCHEMA, strict=True)
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), path, compression="zstd", compression_level=1)


def write_polars(rows: list[Row], path: Path) -> None:
    import polars as pl

    types = [pl.String] * 8 + [pl.Int32, pl.Int64, pl.String, pl.Binary]
    series = [
        pl.Series(name, column, dtype=kind)
        for name, column, kind in zip(SCHEMA.names, zip(*rows, strict=True), types, strict=True)
    ]
    frame = pl.DataFrame(series).with_columns(pl.col("occurred_at").str.to_datetime("%+", time_unit="us"))
    frame.write_parquet(path, compression="zstd", compression_level=1)


def polled(consumer: Consumer) -> Iterator[list[Message]]:
    while True:
        message = consumer.poll(0.1)
        yield [message] if message is not None else []


def consumed(consumer: Consumer) -> Iterator[list[Message]]:
    while True:
        yield consumer.consume(1000, 0.1)


def main() -> None:
    task, clock = parsed(), Clock()
    reading, parsing, writing = task.variant.split("-")
    parse = {"json": with_json, "orjson": with_orjson}[parsing]
    write = {"pyarrow": write_pyarrow, "polars": write_polars}[writing]
    consumer = Consumer(consumer_settings(task))
    consumer.subscribe([task.topic])
    folder = Path(task.folder)
    folder.mkdir(parents=True)
    rows: list[Row] = []
    files = done = 0

    def flush() -> None:
        nonlocal files, done
        write(rows, folder / f"{files:06d}.parquet")
        consumer.commit(asynchronous=False)
        files, done = files + 1, done + len(rows)
        rows.clear()

    for messages in {"poll": polled, "consume": consumed}[reading](consumer):
        if messages:
            clock.tick()
        for message in messages:
            if message.error() is None:
                rows.append(row(message, parse))
        if len(rows) >= task.rows or done + len(rows) == task.events:
            flush()
        if done == task.events:
            break
    consumer.close()
    clock.report()


if __name__ == "__main__":
    main()
