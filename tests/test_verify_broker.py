"""Verification against the broker: what is unread, what is lost, what can't be, and topics made again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer as PlainProducer
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from ingest.broker import KafkaBroker
from ingest.chain import Chain
from ingest.errors import BrokerError, TopicRemade
from ingest.folder import FolderStore
from ingest.kafka import client_settings, ensure_topic
from ingest.marks import Marks
from ingest.objects import ChainId, Encoder, settings_text
from ingest.records import Partition
from ingest.tails import Tails, Unread
from ingest.verify import Report, Sources, verify
from tests.chains import batch
from tests.damage import LATER, FolderHands, Site
from tests.running import Pipeline

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return _site(request.getfixturevalue(f"{request.param}_broker"), tmp_path)


@pytest.fixture
def real(kafka_broker: str, tmp_path: Path) -> Site:
    return _site(kafka_broker, tmp_path)


def _site(bootstrap: str, folder: Path) -> Site:
    """A topic and an empty store."""
    pipeline = Pipeline(bootstrap, folder / "objects")
    return Site(FolderStore(pipeline.root), FolderHands(pipeline.root), folder / "warehouse.duckdb", pipeline)


def _found(report: Report) -> list[tuple[str, int, str]]:
    return [(one.kind.value, one.chain.partition, str(one.offsets)) for one in report.discrepancies if one.chain]


def _figures(report: Report) -> dict[str, int]:
    """Of the partition that has any records."""
    (one,) = (one for one in report.accounts if one.end and one.end.offset)
    assert one.end is not None
    return {
        "records": one.walk.records,
        "holes": one.walk.holes,
        "lost": sum(map(len, one.walk.lost)),
        "began": one.walk.began or 0,
        "next": one.walk.next,
        "end": one.end.offset,
        "behind": one.end.behind,
    }


def _identity(site: Site) -> str:
    assert site.pipeline is not None
    with KafkaBroker(site.pipeline.client, "g") as broker:
        return broker.identity(site.pipeline.topic)


def _delete_before(site: Site, partition: int, offset: int) -> None:
    admin = AdminClient(site.pipeline.client)
    place = TopicPartition(site.pipeline.topic, partition, offset)
    admin.delete_records([place])[place].result()


def _transact(site: Site, *transactions: tuple[int, bool]) -> None:
    """Transactions of so many records of one key each, committed or aborted."""
    settings = {**site.pipeline.client, "transactional.id": f"writer-of-{site.pipeline.topic}"}
    producer = PlainProducer(settings)
    producer.init_transactions(20)
    for count, committed in transactions:
        producer.begin_transaction()
        for _ in range(count):
            producer.produce(site.pipeline.topic, b'{"event_id":"e"}', b"k")
        producer.flush(20)
        (producer.commit_transaction if committed else producer.abort_transaction)(20)


def test_records_behind_are_shown_and_wrong_only_where_all_must_be_there(either: Site) -> None:
    site = either
    assert site.verify(warehouse=False, complete=True).sound
    site.pipeline.produce(200)
    report = site.verify(warehouse=False)
    assert report.sound
    assert sum(one.end.behind for one in report.accounts) == 200
    unread = _found(site.verify(warehouse=False, complete=True))
    assert {kind for kind, *_ in unread} == {"unread"}
    site.pipeline.run()
    site.load()
    report = site.verify(complete=True)
    assert report.sound
    assert sum(one.end.behind for one in report.accounts) == 0
    site.pipeline.produce(30, start=200)
    site.pipeline.run()
    assert site.verify().sound
    late = site.verify(complete=True)
    assert {one.kind.value for one in late.discrepancies} == {"not_loaded"}
    assert len(late.discrepancies) == sum(one.waiting for one in late.accounts) > 0


@pytest.mark.kafka
def test_markers_of_transactions_are_holes_and_not_behind(real: Site) -> None:
    _transact(real, (5, True), (3, False), (4, True))
    real.pipeline.run()
    report = real.verify(warehouse=False, complete=True)
    assert report.sound
    figures = _figures(report)
    assert (figures["records"], figures["holes"], figures["behind"]) == (9, 5, 0)
    assert figures["end"] == 15
    _transact(real, (2, False))
    assert _figures(real.verify(warehouse=False, complete=True))["behind"] == 0
    _transact(real, (1, True))
    assert _figures(real.verify(warehouse=False))["behind"] == 2  # a record and its marker
    assert [kind for kind, *_ in _found(real.verify(warehouse=False, complete=True))] == ["unread"]


@pytest.mark.kafka
def test_an_open_transaction_is_not_behind(real: Site) -> None:
    settings = {**real.pipeline.client, "transactional.id": f"opener-of-{real.pipeline.topic}"}
    producer = PlainProducer(settings)
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(real.pipeline.topic, b"v", b"k")
    producer.flush(20)
    report = real.verify(warehouse=False, complete=True)
    assert report.sound
    assert sum(one.end.behind for one in report.accounts) == 0
    producer.abort_transaction(20)


@pytest.mark.kafka
def test_what_the_broker_deleted_unread_is_named_until_it_is_on_record(real: Site) -> None:
    _transact(real, (10, True))
    real.pipeline.run()
    partition = next(one.chain.partition for one in real.verify(warehouse=False).accounts if one.walk.objects)
    _transact(real, (10, True), (10, True))
    start = _figures(real.verify(warehouse=False))["next"]
    _delete_before(real, partition, 25)
    assert _found(real.verify(warehouse=False)) == [("deleted_unread", partition, f"[{start}, 25)")]
    real.pipeline.run()
    report = real.verify(warehouse=False, complete=True)
    assert report.sound
    assert _figures(report)["lost"] == 25 - start


@pytest.mark.kafka
def test_what_was_gone_before_the_pipeline_began_is_no_loss(real: Site) -> None:
    _transact(real, (10, True))
    with Tails(real.pipeline.client, "g") as tails:
        everything = dict.fromkeys(tails.partitions(real.pipeline.topic), 0)
        ((partition, _),) = tails.first_unread(everything).items()
    _delete_before(real, partition.number, 6)
    assert real.verify(warehouse=False).sound
    real.pipeline.run()
    report = real.verify(warehouse=False, complete=True)
    assert report.sound
    figures = _figures(report)
    assert (figures["records"], figures["began"], figures["holes"], figures["lost"]) == (4, 6, 0, 0)


def test_a_chain_that_runs_beyond_the_broker_is_named(either: Site) -> None:
    site, topic = either, either.pipeline.topic
    for partition in (2, 9):
        chain = ChainId(topic, _identity(site), partition)
        Chain(site.store, chain, Encoder("test", "n")).append(batch(0, *range(7)))
    assert _found(site.verify(warehouse=False)) == [
        ("beyond_broker_end", 2, "[0, 7)"),
        ("beyond_broker_end", 9, "[0, 7)"),
    ]


@pytest.mark.kafka
def test_only_todays_incarnation_is_compared_with_the_broker(real: Site) -> None:
    real.pipeline.produce(100)
    real.pipeline.run()
    before = _identity(real)
    admin = AdminClient(real.pipeline.client)
    admin.delete_topics([real.pipeline.topic])[real.pipeline.topic].result()
    while real.pipeline.topic in admin.list_topics(timeout=10).topics:
        time.sleep(0.05)
    ensure_topic(real.pipeline.client, real.pipeline.topic, 4, 30)
    real.pipeline.produce(20)
    report = real.verify(warehouse=False)
    assert report.sound
    assert {one.chain.topic_id == before for one in report.accounts} == {True, False}
    assert all((one.end is None) == (one.chain.topic_id == before) for one in report.accounts)
    assert sum(one.end.behind for one in report.accounts if one.end) == 20
    real.pipeline.run()
    assert real.verify(warehouse=False, complete=True).sound


def test_commits_of_another_store_are_no_evidence(either: Site, tmp_path: Path) -> None:
    """The group has read the topic into one store, and begins another: whose chains are empty at first."""
    either.pipeline.produce(200)
    either.pipeline.run()
    either.store = FolderStore(tmp_path / "new")
    assert either.verify(warehouse=False).sound


@pytest.mark.parametrize(("ours", "found"), [(False, set()), (True, {"object_missing"})])
def test_commits_count_only_for_what_their_group_has_written(
    either: Site, tmp_path: Path, ours: bool, found: set[str]
) -> None:
    """Our group has read on into its own store; the store at hand has the first records alone, of this writer."""
    either.pipeline.produce(200)
    either.pipeline.run(rows=20)
    chain = max(either.chains(), key=lambda one: int(either.said(either.chains()[one][-1])["next"]))
    either.store = FolderStore(tmp_path / "another")
    writer = settings_text({"group": either.pipeline.group if ours else "theirs"})
    Chain(either.store, chain, Encoder("test", "n", settings=writer)).append(batch(0, 0, 1))
    assert {one.kind.value for one in either.verify(warehouse=False).discrepancies} == found


def test_a_group_that_can_not_be_asked_is_one_witness_less(either: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: KafkaBroker, partition: Partition) -> None:
        raise BrokerError(f"no right to ask for the group's offset of {partition}")

    either.pipeline.produce(50)
    either.pipeline.run()
    monkeypatch.setattr(KafkaBroker, "committed", refuse)
    report = either.verify(warehouse=False, complete=True)
    assert (report.sound, report.away) == (True, {})
    assert {one.mark.committed for one in report.accounts} == {None}


def test_a_broker_that_is_away_leaves_the_rest(tmp_path: Path) -> None:
    class Away(Marks):
        def before(self):
            raise BrokerError("it is away")

    store = FolderStore(tmp_path)
    chain = ChainId("events_raw", "id-1", 0)
    Chain(store, chain, Encoder("test", "n")).append(batch(3, *range(3, 7)))
    sources = Sources(store, Away(None, None, [], "g", lambda seconds: None), None)
    report = verify(sources, lambda: LATER, lambda count: None)
    assert [one.kind.value for one in report.discrepancies] == ["gap"]
    assert list(report.away) == ["broker"]
    assert report.accounts[0].end is None


def test_a_topic_made_again_meanwhile_is_not_compared(either: Site) -> None:
    class Remade:
        """Another topic from the second question on."""

        def __init__(self, broker: KafkaBroker) -> None:
            self.broker, self.asked = broker, 0
            self.bounds, self.committed = broker.bounds, broker.committed

        def identity(self, topic: str) -> str:
            self.asked += 1
            return f"id-{self.asked}"

    client = either.pipeline.client
    with KafkaBroker(client, "g") as broker, Tails(client, "g") as tails:
        marks = Marks(Remade(broker), tails, [either.pipeline.topic], "g", lambda seconds: None)
        report = verify(Sources(either.store, marks, None), lambda: LATER, lambda count: None)
    assert isinstance(report.away["broker"], TopicRemade)
    assert report.sound


# --- tails -------------------------------------------------------------------------------------------


def test_tails_answer_the_next_record_or_none(either: Site) -> None:
    topic = either.pipeline.topic
    producer = PlainProducer(either.pipeline.client)
    for offset in range(10):
        producer.produce(topic, b"v", partition=1, timestamp=1_757_066_400_000 + offset)
    producer.flush(20)
    with Tails(either.pipeline.client, "g") as tails:
        assert tails.partitions(topic) == [Partition(topic, number) for number in range(4)]
        found = tails.first_unread({Partition(topic, 0): 0, Partition(topic, 1): 4, Partition(topic, 2): 0})
        assert found == {Partition(topic, 1): Unread(4, 1_757_066_400_004)}
        assert tails.first_unread({Partition(topic, 1): 10}) == {}
        assert tails.first_unread({Partition(topic, 1): 99}) == {Partition(topic, 1): Unread(99, None)}
        assert tails.first_unread({Partition(topic, 1): 9})[Partition(topic, 1)].offset == 9


def test_tails_are_not_held_up_by_many_records_of_one_partition(either: Site) -> None:
    topic = either.pipeline.topic
    producer = PlainProducer(either.pipeline.client)
    for _ in range(5000):
        producer.produce(topic, b"v" * 200, partition=0)
    producer.produce(topic, b"v", partition=3, timestamp=1_757_066_400_000)
    producer.flush(20)
    with Tails(either.pipeline.client, "g") as tails:
        found = tails.first_unread(dict.fromkeys(tails.partitions(topic), 0))
    assert {partition.number for partition in found} == {0, 3}
    assert found[Partition(topic, 3)] == Unread(0, 1_757_066_400_000)


@pytest.mark.kafka
def test_tails_of_an_unknown_topic_are_an_error(kafka_broker: str) -> None:
    with Tails(client_settings(kafka_broker), "g") as tails, pytest.raises(BrokerError, match="no-such-topic"):
        tails.partitions("no-such-topic")
