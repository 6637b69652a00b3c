"""Where the embedded broker and Apache Kafka differ: pinned on both sides, so that a change is noticed."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer as PlainProducer
from confluent_kafka.admin import AdminClient

from ingest.embedded import EmbeddedBroker
from ingest.errors import BrokerError
from ingest.kafka import Producer, TopicIds, client_settings, ensure_topic
from tests.brokers.reading import Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    NewTopic = Callable[[str], Topic]

NOON = 1_757_073_600_000


def test_embedded_topics_have_no_id(embedded_broker: str, new_topic: NewTopic) -> None:
    topic = new_topic(embedded_broker)
    found = TopicIds(topic.settings)(topic.name, 10)
    assert found == TopicIds(topic.settings)(topic.name, 10)
    with EmbeddedBroker() as other:
        assert TopicIds(client_settings(other.bootstrap_servers))(topic.name, 10) not in (None, found)


@pytest.mark.kafka
def test_a_topics_id_is_kept_for_life_and_new_when_made_again(kafka_broker: str, new_topic: NewTopic) -> None:
    topic = new_topic(kafka_broker)
    first = TopicIds(topic.settings)(topic.name, 10)
    assert first is not None
    assert len(first) == 22
    assert TopicIds(topic.settings)(topic.name, 10) == first
    delete(topic)
    ensure_topic(topic.settings, topic.name, 4, 30)
    assert TopicIds(topic.settings)(topic.name, 10) not in (None, first)


def delete(topic: Topic) -> None:
    admin = AdminClient(topic.settings)
    admin.delete_topics([topic.name])[topic.name].result()
    while topic.name in admin.list_topics(timeout=10).topics:
        time.sleep(0.05)


@pytest.mark.kafka
def test_an_unknown_topic_is_an_error_and_not_made(kafka_broker: str, new_topic: NewTopic) -> None:
    settings = new_topic(kafka_broker).settings
    for _ in range(2):
        with pytest.raises(BrokerError, match="Unknown topic"):
            TopicIds(settings)("no-such-topic", 10)


def test_embedded_finds_no_offset_by_time(embedded_broker: str, new_topic: NewTopic) -> None:
    assert offset_at_noon(new_topic(embedded_broker)) == -1


@pytest.mark.kafka
def test_kafka_finds_an_offset_by_time(kafka_broker: str, new_topic: NewTopic) -> None:
    assert offset_at_noon(new_topic(kafka_broker)) == 2


def offset_at_noon(topic: Topic) -> int:
    with Producer(topic.settings, topic.name) as producer:
        for minutes in (-2, -1, 0, 1):
            producer.send(b"k", b"v", NOON + minutes * 60_000)
    partition = topic.read()[0].partition()
    with topic.consumer() as consumer:
        (found,) = consumer.offsets_for_times([topic.at(NOON, partition)], timeout=10)
    return int(found.offset)


def test_embedded_shows_the_records_of_an_aborted_transaction(embedded_broker: str, new_topic: NewTopic) -> None:
    assert committed_values(new_topic(embedded_broker)) == [b"aborted", b"committed"]


@pytest.mark.kafka
def test_kafka_hides_the_records_of_an_aborted_transaction(kafka_broker: str, new_topic: NewTopic) -> None:
    assert committed_values(new_topic(kafka_broker)) == [b"committed"]


def committed_values(topic: Topic) -> list[bytes | None]:
    producer = PlainProducer({**topic.settings, "transactional.id": f"writer-of-{topic.name}"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic.name, b"aborted", b"k")
    producer.flush(20)
    producer.abort_transaction(20)
    producer.begin_transaction()
    producer.produce(topic.name, b"committed", b"k")
    producer.commit_transaction(20)
    return [record.value() for record in topic.read(isolation_level="read_committed")]


def test_embedded_forgets_what_is_older_than_five_megabytes(embedded_broker: str, new_topic: NewTopic) -> None:
    assert kept_of_eight_megabytes(new_topic(embedded_broker)) in range(3, 7)


@pytest.mark.kafka
def test_kafka_keeps_everything(kafka_broker: str, new_topic: NewTopic) -> None:
    assert kept_of_eight_megabytes(new_topic(kafka_broker)) == 8


def kept_of_eight_megabytes(topic: Topic) -> int:
    topic.produce([(b"k", os.urandom(1_000_000)) for _ in range(8)])
    with topic.consumer() as consumer:
        marks = [consumer.get_watermark_offsets(topic.at(0, number), timeout=10) for number in range(4)]
    return sum(high - low for low, high in marks)


@pytest.mark.kafka
def test_kafka_takes_a_record_of_ten_megabytes(kafka_broker: str, new_topic: NewTopic) -> None:
    topic, large = new_topic(kafka_broker), os.urandom(10_000_000)
    topic.produce([(b"k", large)])
    assert [record.value() for record in topic.read()] == [large]
