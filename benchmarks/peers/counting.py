"""The limit of the Python client: counts the records of `consume(1000)`, and does nothing else."""

from __future__ import annotations

import time

from confluent_kafka import Consumer
from task import Clock, consumer_settings, parsed


def main() -> None:
    task, clock = parsed(), Clock()
    consumer = Consumer(consumer_settings(task))
    consumer.subscribe([task.topic])
    records = 0
    while records < task.events:
        messages = consumer.consume(1000, 0.02)
        if messages:
            clock.tick()
        for message in messages:
            if message.error() is None:
                records += 1
    last = time.time()
    consumer.close()
    clock.report(records=records, last=last)


if __name__ == "__main__":
    main()
