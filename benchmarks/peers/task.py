"""What every contestant is asked to do: the command line, the columns, and the line that it prints at the end."""

from __future__ import annotations

import argparse
import json
import time

import pyarrow as pa

#: Names of the columns that every contestant writes, and their types, as near to `ingest.events.SCHEMA` as is fair.
SCHEMA = pa.schema(
    {
        "event_id": pa.string(),
        "event_type": pa.string(),
        "occurred_at": pa.timestamp("us", "UTC"),
        "learner_id": pa.string(),
        "tenant_id": pa.string(),
        "session_id": pa.string(),
        "data": pa.string(),
        "metadata": pa.string(),
        "_partition": pa.int32(),
        "_offset": pa.int64(),
        "_error": pa.string(),
        "_raw": pa.binary(),
    }
)
TUNED = {"fetch.queue.backoff.ms": 5, "queued.max.messages.kbytes": 65536}


def parsed() -> argparse.Namespace:
    """The command line of a contestant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variant")
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--folder", help="where the files go")
    parser.add_argument("--rows", type=int, help="rows a file")
    parser.add_argument("--events", type=int, help="how many records there are: the work is done after so many")
    parser.add_argument("--partitions", type=int, help="of the topic")
    parser.add_argument("--tuned", action="store_true", help="with the fetch settings that ingest uses")
    return parser.parse_args()


def consumer_settings(task: argparse.Namespace) -> dict[str, object]:
    """librdkafka's properties of a consumer that commits when it says so."""
    settings = {
        "bootstrap.servers": task.bootstrap,
        "group.id": task.group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    return settings | (TUNED if task.tuned else {})


class Clock:
    """When the first record came, in seconds since 1970."""

    first = 0.0

    def tick(self) -> None:
        """Tell it of a record, or of some."""
        if not self.first:
            self.first = time.time()

    def report(self, **found: object) -> None:
        """Print what the harness reads."""
        print(json.dumps({"first": self.first, **found}))
