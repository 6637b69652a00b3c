"""How near `ingest consume` comes to the client library's own limit, side by side in one run.

Starts Apache Kafka, fills a topic of four partitions with synthetic learners, then runs in turn, round by
round: a consumer that only counts (the limit of the Python client) and `ingest consume --once` as users run
it, into a folder. Prints records per second, their medians, and the ratio.

    python benchmarks/consume.py [--events 300000] [--rounds 3] [--batch-size 10000]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaError

sys.path.insert(0, str(Path(__file__).parent.parent))
from infra.kafka import broker

TOPIC = "bench"


def counted(bootstrap: str, group: str) -> float:
    """Records per second of a consumer that only counts, from its first record to the last partition's end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
        }
    )
    consumer.subscribe([TOPIC])
    count, ended, began = 0, 0, 0.0
    while ended < 4:
        messages = consumer.consume(1000, 1.0)
        if messages and not began:
            began = time.perf_counter()
        for message in messages:
            error = message.error()
            if error is None:
                count += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                ended += 1
    seconds = time.perf_counter() - began
    consumer.close()
    return count / seconds


def ingested(bootstrap: str, group: str, batch_size: int, folder: str) -> float:
    """Records per second of `ingest consume --once`, from its first partition to its last object."""
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "ingest",
                "consume",
                "--once",
                "--topic",
                TOPIC,
                "--group",
                group,
                "--store",
                folder,
            ),
            *("--batch-size", str(batch_size), "--bootstrap-servers", bootstrap, "--output", "json"),
        ],
        env=os.environ | {"LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=False,
    )
    events = [json.loads(line) for line in done.stderr.splitlines()]
    at = {
        name: [event["timestamp"] for event in events if event["event"] == name]
        for name in ("partition_assigned", "object_stored")
    }
    seconds = _seconds(max(at["object_stored"])) - _seconds(min(at["partition_assigned"]))
    return int(json.loads(done.stdout)["records"]) / seconds


def _seconds(timestamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(timestamp).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=10_000)
    options = parser.parse_args()
    if reason := broker.missing():
        sys.exit(f"error: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        home, port = broker.Home(Path(folder) / "kafka"), broker.free_port()
        broker.start(home, port, broker.free_port())
        try:
            measure(f"{broker.HOST}:{port}", folder, options)
        finally:
            broker.stop(home)


def measure(bootstrap: str, folder: str, options: argparse.Namespace) -> None:
    words = ("produce", "--synthetic", str(options.events), "--topic", TOPIC, "--bootstrap-servers", bootstrap)
    subprocess.run(
        [sys.executable, "-m", "ingest", *words, "--output", "json"], check=True, stdout=subprocess.DEVNULL
    )
    limits, ours = [], []
    for number in range(options.rounds):
        limits.append(counted(bootstrap, f"limit-{number}"))
        ours.append(ingested(bootstrap, f"ours-{number}", options.batch_size, f"{folder}/objects-{number}"))
        print(f"round {number + 1}: counting {limits[-1]:>9,.0f}/s   ingest consume {ours[-1]:>9,.0f}/s")
    limit, own = statistics.median(limits), statistics.median(ours)
    print(f"median:  counting {limit:>9,.0f}/s   ingest consume {own:>9,.0f}/s   ratio {own / limit:.2f}")


if __name__ == "__main__":
    main()
