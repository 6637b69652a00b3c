"""The consumer over a real broker: every record once, whatever comes between."""

from __future__ import annotations

import itertools
from pathlib import Path
from threading import Event, Thread, Timer

import polars as pl
import pytest
from confluent_kafka import Consumer as Client
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from ingest.batch import Due
from ingest.broker import KafkaBroker
from ingest.errors import BrokerError, ChainError, StoreUnavailable
from ingest.folder import FolderStore
from ingest.kafka import Producer
from ingest.records import OffsetRange, Partition
from tests.chains import raw_event
from tests.running import Pipeline, eventually


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Pipeline:
    """A pipeline on each broker in turn."""
    return Pipeline(request.getfixturevalue(f"{request.param}_broker"), tmp_path)


@pytest.fixture
def pipeline(embedded_broker: str, tmp_path: Path) -> Pipeline:
    return Pipeline(embedded_broker, tmp_path)


@pytest.fixture
def on_kafka(kafka_broker: str, tmp_path: Path) -> Pipeline:
    """Where the embedded broker can't do what the test needs."""
    return Pipeline(kafka_broker, tmp_path)


class Failing(FolderStore):
    """Fails so many puts, at first or for ever, as a store that is down."""

    def __init__(self, root: Path, failures: float) -> None:
        super().__init__(root)
        self.failures = failures

    def put_if_absent(self, key, body, metadata):
        if self.failures > 0:
            self.failures -= 1
            raise StoreUnavailable("down")
        return super().put_if_absent(key, body, metadata)


def test_every_record_is_stored_once_and_a_second_run_finds_nothing(either):
    either.produce(5000)
    summary = either.run(rows=700)
    assert (summary.records, summary.quarantined, summary.unfinished) == (5000, 0, 0)
    either.assert_sound(5000)
    objects = either.objects()
    assert either.run(rows=700).records == 0
    either.produce(100, start=5000)
    assert either.run(rows=700).records == 100
    assert objects == either.objects()[: len(objects)] or set(objects) < set(either.objects())
    either.assert_sound(5100)


def test_objects_win_over_a_group_that_has_committed_nothing(either):
    either.produce(2000)
    either.run()
    assert either.run(group="another").records == 0
    either.assert_sound(2000)


@pytest.mark.kafka
@pytest.mark.parametrize("offset", [1, 10_000_000])
def test_objects_win_over_commits_that_somebody_moved(on_kafka, offset):
    on_kafka.produce(2000)
    on_kafka.run()
    client = Client({**on_kafka.client, "group.id": on_kafka.group})
    client.commit(offsets=[TopicPartition(on_kafka.topic, part, offset) for part in range(4)], asynchronous=False)
    client.close()
    on_kafka.produce(500, start=2000)
    assert on_kafka.run().records == 500
    on_kafka.assert_sound(2500)


def test_the_record_limit_is_exact(pipeline):
    pipeline.produce(3000)
    assert pipeline.run(once=False, max_records=1234).records == 1234
    assert pipeline.stored().height == 1234
    assert pipeline.run().records == 3000 - 1234
    pipeline.assert_sound(3000)


def test_an_idle_partition_is_flushed_by_age(pipeline):
    pipeline.produce(10)
    with pipeline.running(age=0.5) as consumer:
        eventually(lambda: consumer.summary.records == 10)
        assert set(consumer.summary.due) == {Due.AGE}
    pipeline.assert_sound(10)


def test_a_stop_flushes_what_is_gathered(pipeline):
    pipeline.produce(10)
    with pipeline.running() as consumer:
        eventually(lambda: consumer._read == 10)
        assert consumer.summary.records == 0
    assert consumer.summary.records == 10
    assert set(consumer.summary.due) == {Due.STOP}
    pipeline.assert_sound(10)


@pytest.mark.kafka
def test_once_ends_on_a_topic_that_never_rests(on_kafka):
    """A steady producer keeps the client from ever seeing an end; the end at the start counts."""
    on_kafka.produce(1000)
    stop = Event()

    def trickle() -> None:
        with Producer(on_kafka.client, on_kafka.topic) as producer:
            for number in itertools.count(1000):
                if stop.wait(0.002):
                    return
                producer.send(b"k%d" % (number % 50), raw_event(number))
                producer.flush()

    thread = Thread(target=trickle)
    thread.start()
    try:
        assert on_kafka.run().records >= 1000
    finally:
        stop.set()
        thread.join()


def test_two_members_of_a_group_share_the_work(either):
    either.produce(4000)
    with either.running(rows=90, age=0.2) as one, either.running(rows=110, age=0.2) as two:
        eventually(lambda: one._lanes and two._lanes, seconds=60)
        either.produce(4000, start=4000)
        eventually(lambda: one.summary.records + two.summary.records >= 8000)
    assert one.summary.records > 0
    assert two.summary.records > 0
    either.assert_sound(8000)


def test_two_groups_on_one_prefix_make_one_sound_chain(either):
    """As if every partition had a zombie: both believe that they own all of them."""
    either.produce(6000)
    with either.running(rows=70, age=0.2) as one, either.running(rows=110, age=0.2, group="zombies") as two:
        eventually(lambda: one.summary.records + two.summary.records >= 6000)
    assert one.summary.records + two.summary.records == 6000
    either.assert_sound(6000)


def test_a_store_that_comes_back_costs_nothing(pipeline):
    pipeline.produce(3000)
    summary = pipeline.run(store=Failing(pipeline.root, failures=5))
    assert (summary.records, summary.retries, summary.unfinished) == (3000, 5, 0)
    pipeline.assert_sound(3000)


def test_a_store_that_stays_down_keeps_nothing_back_and_commits_nothing(pipeline):
    pipeline.produce(500)
    summary = pipeline.run(store=Failing(pipeline.root, failures=float("inf")), grace=0.5)
    assert (summary.records, summary.unfinished) == (0, 500)
    assert pipeline.run().records == 500
    pipeline.assert_sound(500)


def test_a_full_buffer_pauses_reading_and_loses_nothing(pipeline):
    pipeline.produce(20_000)
    store = Failing(pipeline.root, failures=float("inf"))
    Timer(6, lambda: setattr(store, "failures", 0)).start()
    consumer = pipeline.consumer(store=store, max_buffer_bytes=100_000, rows=500)
    highest = 0
    ease = consumer._ease

    def watched() -> None:
        nonlocal highest
        highest = max(highest, consumer._held())
        ease()

    consumer._ease = watched
    assert consumer.run().records == 20_000
    one_poll, flights = 1000 * (70 + 200), 4 * 500 * 400
    assert highest < 100_000 + one_poll + flights
    pipeline.assert_sound(20_000)


def test_a_memory_full_of_batches_that_are_not_due_is_made_room_in(pipeline):
    pipeline.produce(3000)
    summary = pipeline.run(rows=100_000, max_buffer_bytes=100_000)
    assert summary.records == 3000
    assert summary.due[Due.BYTES] > 0
    pipeline.assert_sound(3000)


def test_an_unknown_topic_is_said_at_once(pipeline):
    with (
        KafkaBroker(pipeline.client, "g") as broker,
        pytest.raises(BrokerError, match=f"no topic {pipeline.topic}x .did you mean {pipeline.topic}") as caught,
    ):
        broker.require([pipeline.topic, f"{pipeline.topic}x"])
    assert "ingest produce" in caught.value.remedy


def test_a_topic_that_fell_behind_its_chain_stops_the_consumer(pipeline, tmp_path):
    pipeline.produce(1000)
    pipeline.run()
    remade = Pipeline(pipeline.bootstrap, tmp_path, chain=pipeline.topic)
    remade.produce(10)
    with pytest.raises(ChainError, match="ends at offset"):
        remade.run()


def delete_before(pipeline: Pipeline, offsets: list[int]) -> None:
    """What retention does: the broker's records before these offsets are gone."""
    admin = AdminClient(pipeline.client)
    wanted = [TopicPartition(pipeline.topic, part, offset) for part, offset in enumerate(offsets)]
    for deleted in admin.delete_records(wanted).values():
        deleted.result(30)


@pytest.mark.kafka
def test_an_empty_chain_starts_at_slot_0_and_says_where_its_records_begin(on_kafka):
    on_kafka.produce(2000)
    delete_before(on_kafka, [10, 20, 30, 40])
    summary = on_kafka.run()
    assert (summary.records, summary.lost) == (2000 - 100, [])
    said = [pl.read_parquet_metadata(path) for path in on_kafka.objects()]
    assert [(one["start"], one["first-offset"]) for one in said] == [
        ("0", "10"),
        ("0", "20"),
        ("0", "30"),
        ("0", "40"),
    ]


@pytest.mark.kafka
def test_records_that_retention_took_before_they_were_read_are_on_record(on_kafka):
    on_kafka.produce(2000)
    on_kafka.run()
    ends = [int(pl.read_parquet_metadata(path)["next"]) for path in on_kafka.objects()]
    on_kafka.produce(2000, start=2000)
    delete_before(on_kafka, [end + 5 for end in ends])
    summary = on_kafka.run()
    assert summary.records == 2000 - 4 * 5
    assert dict(summary.lost) == {
        Partition(on_kafka.topic, part): OffsetRange(end, end + 5) for part, end in enumerate(ends)
    }
    for path, end in zip(on_kafka.objects()[1::2], ends, strict=True):
        said = pl.read_parquet_metadata(path)
        assert (said["start"], said["first-offset"], said["lost"]) == (str(end), str(end + 5), f"{end}-{end + 5}")


@pytest.mark.kafka
def test_records_that_retention_takes_while_they_are_read_are_on_record(on_kafka):
    """The consumer stands still on a full buffer; meanwhile the broker drops what it has not read yet."""
    on_kafka.produce(40_000)
    store = Failing(on_kafka.root, failures=float("inf"))
    with on_kafka.running(store=store, rows=500, max_buffer_bytes=50_000, fetch_kilobytes=1) as consumer:
        eventually(lambda: consumer._paused)
        bounds = [consumer._broker.bounds(partition).next for partition in sorted(consumer._lanes)]
        delete_before(on_kafka, [bound - 1 for bound in bounds])
        store.failures = 0
        eventually(lambda: len(consumer.summary.lost) == 4 and all(lane.at_goal for lane in consumer._lanes.values()))
    kept = on_kafka.stored().height
    lost = sum(len(lost) for _, lost in consumer.summary.lost)
    assert kept + lost == 40_000
    assert lost > 0
