"""Quix Streams: its own consumer and JSON, a function for the columns, its FileSink with Parquet.

A checkpoint writes one file of each partition and commits; it is due after `rows` records of each on average. The
tool sees no end of a topic: it is told how many records there are.
"""

from __future__ import annotations

import json
import os
from datetime import datetime

from quixstreams import Application, message_context
from quixstreams.sinks.community.file.formats import ParquetFormat
from quixstreams.sinks.community.file.local import LocalFileSink
from task import Clock, parsed

CLOCK = Clock()


def columns(event: dict[str, object]) -> dict[str, object]:
    CLOCK.tick()
    context = message_context()
    return {
        "event_id": event["event_id"],
        "event_type": event["event_type"],
        "occurred_at": datetime.fromisoformat(str(event["timestamp"])),
        "learner_id": event["learner_id"],
        "tenant_id": event.get("tenant_id") or "default",
        "session_id": event.get("session_id"),
        "data": json.dumps(event.get("data", {})),
        "metadata": json.dumps(event.get("metadata", {})),
        "_partition": context.partition,
        "_offset": context.offset,
    }


def main() -> None:
    task = parsed()
    os.makedirs(task.folder)  # noqa: PTH103 - the sink wants text, as does this
    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        commit_interval=3600,
        commit_every=task.rows * task.partitions,
        loglevel="WARNING",
        auto_create_topics=False,
        use_changelog_topics=False,
    )
    frame = app.dataframe(app.topic(task.topic, value_deserializer="json"))
    frame.apply(columns).sink(LocalFileSink(directory=task.folder, format=ParquetFormat(compression="zstd")))
    app.run(count=task.events, collect=False)
    CLOCK.report()


if __name__ == "__main__":
    main()
