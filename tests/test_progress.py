"""What is heard of a real consumer on a real broker, and what is said of its health."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from confluent_kafka import Consumer as Client
from confluent_kafka import Producer, TopicPartition

from ingest.chain import Polled
from ingest.cli.wiring import SystemClock
from ingest.consume import Consumer
from ingest.health import judge
from ingest.kafka import ensure_topic
from ingest.meters import ConsumerMeter
from ingest.metrics import Board
from ingest.progress import Progress
from tests.chains import raw_event
from tests.running import Pipeline, eventually
from tests.scraping import samples
from tests.services.kafka import OWN

PATIENCE = 12.0  # seconds: a little more than lies between two questions where the broker ends
_numbers = itertools.count()


class Ears:
    """Health and metrics of one consumer."""

    def __init__(self) -> None:
        self._now = SystemClock().monotonic
        self._board = Board()
        self.progress, self._meter = Progress(self._now()), ConsumerMeter(self._board, self._now())
        self.both = (self.progress, self._meter)

    def why(self, patience: float = PATIENCE) -> tuple[set[str], set[str], set[str]]:
        said = judge(self.progress.run(), self._now(), patience)
        return tuple({reason.reason.value for reason in one} for one in (said.health, said.live, said.ready))

    def seen(self, name: str) -> dict[str, float]:
        self._meter.refresh(self._now())
        return samples(self._board.text().decode()).get(name, {})

    @property
    def well(self) -> bool:
        return self.why() == (set(), set(), set())


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def pipeline(embedded_broker: str, tmp_path: Path) -> Pipeline:
    return Pipeline(embedded_broker, tmp_path)


@pytest.fixture
def on_kafka(kafka_broker: str, tmp_path: Path) -> Pipeline:
    return Pipeline(kafka_broker, tmp_path)


def before_polling(consumer: Consumer, do: Callable[[Client], None]) -> None:
    """Do something to the client in the thread that polls, before it polls next."""
    source = consumer._source
    poll = source.poll

    def once(timeout: float) -> Polled:
        source.poll = poll
        do(source._consumer)
        return poll(timeout)

    source.poll = once


def test_a_client_that_stops_reading_without_a_word_is_noticed(pipeline, ears):
    """What librdkafka was seen to do; here it is made to, behind the consumer's back."""
    places = [TopicPartition(pipeline.topic, number) for number in range(4)]
    pipeline.produce(100)
    with pipeline.running(monitors=ears.both, age=0.5) as consumer:
        eventually(lambda: consumer.summary.records == 100)
        eventually(lambda: ears.well)
        before_polling(consumer, lambda client: client.pause(places))
        pipeline.produce(100, start=100)
        eventually(lambda: ears.why() == ({"partition_stuck"},) * 3, seconds=2.5 * PATIENCE)
        assert sum(ears.seen("ingest_lag_records").values()) == 100
        stuck = [one for one in judge(ears.progress.run(), SystemClock().monotonic(), PATIENCE).health if one.lag]
        assert sum(reason.lag for reason in stuck) == 100
        before_polling(consumer, lambda client: client.resume(places))
        eventually(lambda: consumer.summary.records == 200)
        eventually(lambda: ears.well)
        assert sum(ears.seen("ingest_lag_records").values()) == 0


def test_a_poll_loop_that_stalls_is_noticed(pipeline, ears):
    go_on = Event()
    with pipeline.running(monitors=ears.both) as consumer:
        eventually(lambda: ears.well)
        poll = consumer._source.poll
        consumer._source.poll = lambda timeout: go_on.wait(60) and poll(timeout)
        try:
            eventually(lambda: ears.why(3.0) == ({"poll_stalled"},) * 3, seconds=10)
            assert ears.seen("ingest_last_poll_age_seconds")[""] >= 3
        finally:
            go_on.set()
        eventually(lambda: ears.well)


@pytest.mark.kafka
def test_offsets_without_a_record_are_no_lag(on_kafka, ears):
    """Transactions leave markers behind, aborted ones records that nobody may read, open ones an end before them."""
    client = Producer({"bootstrap.servers": on_kafka.bootstrap, "transactional.id": on_kafka.topic})
    client.init_transactions(30)

    def transact(number: int) -> None:
        client.begin_transaction()
        client.produce(on_kafka.topic, raw_event(number), partition=0)
        client.flush()

    transact(0)
    client.commit_transaction()
    with on_kafka.running(monitors=ears.both, age=0.5) as consumer:
        eventually(lambda: consumer.summary.records == 1)
        transact(1)
        client.abort_transaction()
        transact(2)
        until = time.monotonic() + 2.5 * PATIENCE
        while time.monotonic() < until:
            assert ears.why()[:2] == (set(), set())
            time.sleep(1)
        assert sum(ears.seen("ingest_lag_records").values()) == 0
        assert sum(ears.seen("ingest_end_offset").values()) == 4, "two offsets hold no record to be read"
        client.commit_transaction()
        eventually(lambda: consumer.summary.records == 2)
        eventually(lambda: ears.well)


@pytest.mark.kafka
def test_a_spare_member_is_healthy_and_ready(on_kafka):
    topic = f"one-partition{OWN}-{next(_numbers)}"
    ensure_topic(on_kafka.client, topic, 1, 30)
    one, two = Ears(), Ears()
    with on_kafka.running(monitors=one.both, topics=[topic]):
        eventually(lambda: one.seen("ingest_assigned_partitions")[""] == 1)
        with on_kafka.running(monitors=two.both, topics=[topic]):
            assert two.why()[2] == {"not_assigned"}
            eventually(lambda: two.well)
            time.sleep(1.5 * PATIENCE)
            held = [ears.seen("ingest_assigned_partitions")[""] for ears in (one, two)]
            assert sorted(held) == [0, 1]
            assert (one.well, two.well) == (True, True)


def test_a_partition_that_moves_to_another_member_takes_its_gauges_along(pipeline):
    pipeline.produce(100)
    one, two = Ears(), Ears()
    with pipeline.running(monitors=one.both, age=0.5) as first:
        eventually(lambda: first.summary.records == 100)
        with pipeline.running(monitors=two.both, age=0.5):
            eventually(lambda: one.seen("ingest_assigned_partitions")[""] == 2, seconds=60)
            eventually(lambda: len(two.seen("ingest_position_offset")) == 2, seconds=60)
            mine, theirs = one.seen("ingest_position_offset"), two.seen("ingest_position_offset")
            assert len(mine) == 2
            assert not mine.keys() & theirs.keys()
            assert sum(mine.values()) + sum(theirs.values()) == 100
            assert sum(one.seen("ingest_stored_records_total").values()) == 100
            assert one.seen("ingest_rebalances_total")[""] >= 2
            eventually(lambda: one.well and two.well)
