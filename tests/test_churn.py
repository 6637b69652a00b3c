"""The consumer while the world around it changes: topics made again, groups of every protocol, partitions added."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event

import polars as pl
import pytest
from confluent_kafka import Producer as Client
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from ingest.errors import BrokerUnavailable, ChainError, SettingsError, StoreUnavailable
from ingest.folder import FolderStore
from ingest.kafka import ensure_topic
from ingest.objects import Encoder, settings_text
from ingest.records import OffsetRange, Partition
from ingest.survey import Search, Survey
from tests.chains import CHAIN, batch, chain, raw_event
from tests.running import Pipeline, eventually

PROTOCOLS = {
    "cooperative": {},
    "eager": {"partition.assignment.strategy": "range"},
    "consumer": {"group.protocol": "consumer"},
}


@pytest.fixture
def on_kafka(kafka_broker: str, tmp_path: Path) -> Pipeline:
    return Pipeline(kafka_broker, tmp_path)


def make_again(pipeline: Pipeline) -> None:
    admin = AdminClient(pipeline.client)
    admin.delete_topics([pipeline.topic])[pipeline.topic].result()
    while pipeline.topic in admin.list_topics(timeout=10).topics:
        time.sleep(0.02)
    ensure_topic(pipeline.client, pipeline.topic, 4, 30)


@pytest.mark.kafka
@pytest.mark.parametrize("records", [10, 5000], ids=["shorter", "longer"])
def test_a_topic_made_again_under_a_running_consumer_is_another_chain(on_kafka, records):
    """The new topic may outgrow the old position before the client notices anything."""
    on_kafka.produce(1000)
    with on_kafka.running(age=0.2) as consumer:
        eventually(lambda: consumer.summary.records == 1000)
        [old] = {path.parts[-3] for path in on_kafka.objects()}
        make_again(on_kafka)
        on_kafka.produce(records, start=100_000)
        eventually(lambda: consumer.summary.records == 1000 + records, seconds=60)
    rows = on_kafka.stored()
    assert set(rows.filter(pl.col("_topic_id") == old)["event_id"]) == {f"e{number}" for number in range(1000)}
    new = rows.filter(pl.col("_topic_id") != old)
    assert sorted(new["event_id"]) == sorted(f"e{number}" for number in range(100_000, 100_000 + records))
    assert new.n_unique("_topic_id") == 1
    assert new.select("_partition", "_offset").is_unique().all()


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_members_share_the_work_under_every_protocol(on_kafka, protocol):
    on_kafka.produce(2000)
    changes = {"rows": 90, "age": 0.2, "properties": PROTOCOLS[protocol]}
    if protocol == "consumer":
        changes["timeouts"] = False
    with on_kafka.running(**changes) as one:
        eventually(lambda: one.summary.records == 2000)
        with on_kafka.running(**changes) as two:
            eventually(lambda: len(one._lanes) == len(two._lanes) == 2, seconds=60)
            on_kafka.produce(2000, start=2000)
            eventually(lambda: one.summary.records + two.summary.records == 4000)
            assert two.summary.records > 0
        eventually(lambda: len(one._lanes) == 4, seconds=60)
        on_kafka.produce(500, start=4000)
        eventually(lambda: one.summary.records + two.summary.records == 4500)
    on_kafka.assert_sound(4500)


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", ["cooperative", "eager"])
def test_retention_in_mid_read_costs_no_restart_under_any_assignor(on_kafka, protocol):
    on_kafka.produce(2000)
    with on_kafka.running(age=0.1, properties=PROTOCOLS[protocol]) as consumer:
        eventually(lambda: consumer.summary.records == 2000)
        gone = [lane.buffer.reading_from for _, lane in sorted(consumer._lanes.items())]
        full = Event()
        full.set()
        consumer._full = full.is_set  # reading pauses, as on a full memory
        eventually(lambda: consumer._paused)
        on_kafka.produce(1000, start=2000)
        admin = AdminClient(on_kafka.client)
        cut = [TopicPartition(on_kafka.topic, part, offset + 7) for part, offset in enumerate(gone)]
        for deleted in admin.delete_records(cut).values():
            deleted.result(30)
        full.clear()
        eventually(lambda: consumer.summary.records == 3000 - 4 * 7, seconds=60)
    assert sorted(consumer.summary.lost) == [
        (Partition(on_kafka.topic, part), OffsetRange(offset, offset + 7)) for part, offset in enumerate(gone)
    ]


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", ["cooperative", "eager"])
def test_a_partition_that_went_while_reading_was_paused_is_read_when_it_comes_back(on_kafka, protocol):
    """A pause of the client outlives the assignment that it was made in."""
    changes = {"age": 0.1, "properties": PROTOCOLS[protocol]}
    with on_kafka.running(**changes) as one:
        eventually(lambda: len(one._lanes) == 4)
        full = Event()
        full.set()
        one._full = lambda: full.is_set() and bool(one._lanes)
        eventually(lambda: one._paused)
        with on_kafka.running(**changes) as two:
            eventually(lambda: len(one._lanes) == len(two._lanes) == 2, seconds=60)
            full.clear()
            eventually(lambda: not one._paused)
        eventually(lambda: len(one._lanes) == 4, seconds=60)
        on_kafka.produce(1000)
        eventually(lambda: one.summary.records == 1000)


@pytest.mark.kafka
def test_partitions_that_are_added_are_read_from_their_beginning(on_kafka):
    on_kafka.produce(1000)
    with on_kafka.running(age=0.2, properties={"topic.metadata.refresh.interval.ms": "500"}) as consumer:
        eventually(lambda: consumer.summary.records == 1000)
        admin = AdminClient(on_kafka.client)
        admin.create_partitions([NewPartitions(on_kafka.topic, 8)])[on_kafka.topic].result()
        eventually(lambda: len(consumer._lanes) == 8, seconds=60)
        on_kafka.produce(1000, start=1000)
        eventually(lambda: consumer.summary.records == 2000)
    on_kafka.assert_sound(2000)
    assert len({path.parent for path in on_kafka.objects()}) > 4


@pytest.mark.kafka
def test_aborted_records_are_not_stored_and_their_markers_hold_nothing_up(on_kafka):
    client = Client({**on_kafka.client, "transactional.id": on_kafka.topic, "partitioner": "murmur2_random"})
    client.init_transactions(30)
    for number in range(6):
        client.begin_transaction()
        for event in range(50):
            client.produce(on_kafka.topic, raw_event(1000 * number + event), b"k%d" % event)
        (client.commit_transaction if number % 2 else client.abort_transaction)(30)
    summary = on_kafka.run(rows=40)
    assert (summary.records, summary.lost) == (150, [])
    expected = {f"e{1000 * number + event}" for number in (1, 3, 5) for event in range(50)}
    assert sorted(on_kafka.stored()["event_id"]) == sorted(expected)
    assert on_kafka.run(rows=40).records == 0


def test_a_store_that_is_down_when_partitions_come_does_not_stop_the_poll(embedded_broker, tmp_path):
    """The group throws out a member that does not poll; this one polls on, and begins once the store is back."""

    class Down(FolderStore):
        down = True

        def list(self, prefix="", after=""):
            if self.down:
                raise StoreUnavailable("down")
            return super().list(prefix, after)

    pipeline = Pipeline(embedded_broker, tmp_path)
    pipeline.produce(500)
    store = Down(tmp_path)
    with pipeline.running(store=store, age=0.2) as consumer:
        eventually(lambda: len(consumer._openings) == 4)
        turns = 0
        poll = consumer._source.poll

        def counted(timeout):
            nonlocal turns
            turns += 1
            return poll(timeout)

        consumer._source.poll = counted
        eventually(lambda: turns > 20)
        assert consumer.summary.retries > 0
        store.down = False
        eventually(lambda: consumer.summary.records == 500)
    pipeline.assert_sound(500)


def test_objects_that_were_deleted_are_missed_at_the_next_start(embedded_broker, tmp_path):
    pipeline = Pipeline(embedded_broker, tmp_path)
    pipeline.produce(1000)
    pipeline.run(rows=100)
    [last] = [path for path in pipeline.objects() if path.parent.name == "partition=00000"][-1:]
    kept = last.read_bytes()
    last.unlink()
    pipeline.produce(100, start=1000)
    with pytest.raises(ChainError, match="the group has committed"):
        pipeline.run()
    last.write_bytes(kept)
    pipeline.run()
    pipeline.assert_sound(1100)


def test_several_topics_are_several_chains(embedded_broker, tmp_path):
    pipeline, other = Pipeline(embedded_broker, tmp_path), Pipeline(embedded_broker, tmp_path)
    pipeline.produce(700)
    other.produce(300, start=700)
    summary = pipeline.run(topics=[pipeline.topic, other.topic])
    assert summary.records == 1000
    counts = pipeline.stored().height, other.stored().height
    assert counts == (700, 300)


def test_a_chain_of_other_settings_is_refused(tmp_path):
    def with_limit(limit: int, **options) -> object:
        encode = Encoder("test", f"writer-{limit}", settings=settings_text({"max-record-bytes": str(limit)}))
        return chain(FolderStore(tmp_path), encode=encode, **options)

    with_limit(10).append(batch(0, 0, 1))
    with pytest.raises(SettingsError, match="max-record-bytes was '10' and is '20'") as caught:
        with_limit(20).last()
    assert "--accept-chain" in caught.value.remedy
    with pytest.raises(SettingsError):
        with_limit(20).append(batch(0, 0, 1, 2))
    accepting = with_limit(20, accept=True)
    assert accepting.last().range.next == 2
    later = with_limit(20)  # the flag is needed once, also where nothing has been written since
    assert later.last().range.next == 2
    later.append(batch(2, 2))
    with pytest.raises(SettingsError):
        with_limit(10).last()
    with pytest.raises(SettingsError):
        with_limit(30).last()


def test_a_slot_that_is_taken_by_nothing_is_asked_for_again(tmp_path):
    class Doubtful(FolderStore):
        """Says once that a slot is taken, and it isn't."""

        doubts = 1

        def put_if_absent(self, key, body, metadata):
            if self.doubts:
                self.doubts -= 1
                return False
            return super().put_if_absent(key, body, metadata)

    ours = chain(Doubtful(tmp_path))
    with pytest.raises(StoreUnavailable, match="is not there now"):
        ours.append(batch(0, 0, 1))
    assert ours.append(batch(0, 0, 1)).stored.metadata.range == OffsetRange(0, 2)


class Ends:
    """A broker that says, in turn, where it ends."""

    def __init__(self, *ends: int) -> None:
        self.ends = list(ends)

    def identity(self, topic: str) -> str:
        return CHAIN.topic_id

    def committed(self, partition: Partition) -> None:
        return None

    def bounds(self, partition: Partition) -> OffsetRange:
        return OffsetRange(0, self.ends.pop(0) if len(self.ends) > 1 else self.ends[0])


def test_a_new_leader_that_lags_for_a_moment_is_believed_later(tmp_path):
    chain(tmp_path).append(batch(0, 0, 1, 2))
    search = Search(Survey(Ends(1, 2, 3), lambda *_: chain(tmp_path)), Partition(CHAIN.topic, 0))
    for _ in range(2):
        with pytest.raises(BrokerUnavailable, match="ends at offset 3"):
            search()
    assert search().position == 3


def test_a_broker_that_stays_behind_its_chain_stops_the_consumer(tmp_path):
    chain(tmp_path).append(batch(0, 0, 1, 2))
    search = Search(Survey(Ends(1), lambda *_: chain(tmp_path)), Partition(CHAIN.topic, 0))
    for _ in range(5):
        with pytest.raises(BrokerUnavailable):
            search()
    with pytest.raises(ChainError, match="but the broker only at 1"):
        search()
