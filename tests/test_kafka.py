from __future__ import annotations

import contextlib

import pytest
from confluent_kafka import KafkaError, Uuid

from ingest import kafka
from ingest.errors import BrokerError, BrokerUnavailable, IngestError, SettingsError
from ingest.kafka import Producer, TopicIds, Watch, broker_error, client_settings, ensure_topic
from tests.brokers.reading import Topic
from tests.running import eventually

NOBODY = "127.0.0.1:1"


@pytest.mark.parametrize(
    "ask",
    [
        lambda settings: TopicIds(settings)("events", 0.5),
        lambda settings: ensure_topic(settings, "events", 4, 0.5),
    ],
    ids=["topic_id", "ensure_topic"],
)
def test_a_closed_port_is_an_error_that_says_why_and_what_to_do(ask) -> None:
    with pytest.raises(BrokerError, match=r"topic events: .*127\.0\.0\.1:1.*Connection refused") as caught:
        ask(client_settings(NOBODY))
    assert "KAFKA_BOOTSTRAP_SERVERS" in caught.value.remedy
    assert caught.value.exit_code == 3


def test_a_name_that_does_not_resolve_is_told() -> None:
    with pytest.raises(BrokerError, match=r"Failed to resolve 'no-such-host\.invalid"):
        TopicIds(client_settings("no-such-host.invalid:9092"))("events", 1)


def test_a_wrong_property_is_the_users_setting_not_the_broker() -> None:
    with pytest.raises(SettingsError, match='No such configuration property: "nope"'):
        TopicIds(client_settings(NOBODY, {"nope": "1"}))("events", 0.5)
    with pytest.raises(SettingsError, match="nope"):
        Producer(client_settings(NOBODY, {"nope": "1"}), "events")


@pytest.mark.kafka
def test_a_refused_login_is_told_as_such(kafka_broker: str) -> None:
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    login |= {"sasl.username": "u", "sasl.password": "hush"}
    with pytest.raises(BrokerError, match="SASL") as caught:
        TopicIds(client_settings(kafka_broker, login))("events", 1)
    assert "KAFKA_SASL_" in caught.value.remedy
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        (KafkaError._TIMED_OUT, BrokerUnavailable, "KAFKA_BOOTSTRAP_SERVERS"),
        (KafkaError._AUTHENTICATION, BrokerError, "KAFKA_SASL_"),
        (KafkaError._SSL, BrokerError, "KAFKA_SSL_"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, BrokerError, "ACL"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, BrokerError, "KAFKA_TOPIC_EVENTS_RAW"),
        (KafkaError.MSG_SIZE_TOO_LARGE, BrokerError, "max.message.bytes"),
        (KafkaError.NOT_LEADER_FOR_PARTITION, BrokerUnavailable, ""),
        (KafkaError._INVALID_ARG, SettingsError, "--kafka-config"),
    ],
)
def test_each_error_has_its_kind_and_its_remedy(code: int, kind: type[IngestError], hint: str) -> None:
    error = broker_error("reading", KafkaError(code))
    assert type(error) is kind
    assert hint in error.remedy
    assert bool(error.remedy) == bool(hint)


def test_the_cause_replaces_a_time_out_but_not_an_answer() -> None:
    cause = KafkaError(KafkaError._AUTHENTICATION, "wrong password")
    assert "wrong password" in str(broker_error("x", KafkaError(KafkaError._TIMED_OUT), cause))
    answer = broker_error("x", KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), cause)
    assert "wrong password" not in str(answer)


@pytest.mark.parametrize(
    "code", [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_LEADER_FOR_PARTITION]
)
def test_what_brokers_answer_while_they_move_passes(code: int) -> None:
    assert isinstance(broker_error("x", KafkaError(code)), BrokerUnavailable)


def test_a_missing_topic_does_not_pass_by_waiting() -> None:
    assert not isinstance(broker_error("x", KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)), BrokerUnavailable)


def test_the_watch_keeps_the_telling_error() -> None:
    watch = Watch()
    watch.note(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    watch.note(KafkaError(KafkaError._RESOLVE, "no such name"))
    watch.note(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    assert watch.cause is not None
    assert watch.cause.code() == KafkaError._RESOLVE


@pytest.mark.parametrize(
    ("uuid", "text"),
    [
        (Uuid(0, 0), None),
        (Uuid(0, 1), "AAAAAAAAAAAAAAAAAAAAAQ"),
        (Uuid(-1, -1), "_____________________w"),
        (Uuid(-289360691352306693, 0), "-_v7-_v7-_sAAAAAAAAAAA"),
    ],
)
def test_an_id_is_url_safe_and_zero_is_none(uuid: Uuid, text: str | None) -> None:
    assert kafka._id_text(uuid) == text


def test_settings_of_the_caller_win() -> None:
    settings = client_settings("a:1", {"client.id": "mine", "security.protocol": "SSL"})
    assert settings["client.id"] == "mine"
    assert settings["security.protocol"] == "SSL"
    assert settings["bootstrap.servers"] == "a:1"


def test_a_topic_is_made_once_and_left_as_it_is(embedded_broker: str) -> None:
    settings = client_settings(embedded_broker)
    assert ensure_topic(settings, "made-once", 2, 10) == 4  # the embedded broker's own number
    assert ensure_topic(settings, "made-once", 9, 10) == 4


@pytest.mark.kafka
def test_kafka_makes_a_topic_with_the_partitions_asked_for(kafka_broker: str) -> None:
    settings = client_settings(kafka_broker)
    assert ensure_topic(settings, "two-partitions", 2, 10) == 2
    assert ensure_topic(settings, "two-partitions", 9, 10) == 2
    with pytest.raises(BrokerError, match="bad name"):
        ensure_topic(settings, "bad name", 2, 10)


def test_undelivered_records_are_counted(embedded_broker: str) -> None:
    producer = Producer(client_settings(NOBODY, {"message.timeout.ms": "300"}), "events")
    for _ in range(7):
        producer.send(b"k", b"v")
    with pytest.raises(BrokerError, match=r"of 7 records 0 acknowledged, 7 failed: .*refused"):
        producer.flush(20)
    assert producer.acked == 0


def test_errors_that_are_still_to_be_told_are_no_records() -> None:
    producer = Producer(client_settings(NOBODY), "events")
    eventually(lambda: len(producer._client) > 2)
    assert producer.acked == 0
    producer.send(b"k", b"v")
    eventually(lambda: len(producer._client) > 2)
    assert producer.acked == 0


def test_a_flush_ends_after_its_time() -> None:
    producer = Producer(client_settings(NOBODY), "events")
    producer.send(b"k", b"v")
    with pytest.raises(BrokerError, match=r"1 are not acknowledged after 0.3 s"):
        producer.flush(0.3)


def test_a_full_queue_waits_and_nothing_is_lost(embedded_broker: str) -> None:
    topic = Topic(client_settings(embedded_broker, {"queue.buffering.max.messages": "10"}), "full-queue")
    assert topic.produce((b"k", b"%d" % number) for number in range(500)) == 500
    assert [record.value() for record in topic.read()] == [b"%d" % number for number in range(500)]


def test_a_record_over_the_limit_is_told_at_once(embedded_broker: str) -> None:
    producer = Producer(client_settings(embedded_broker), "events")
    with pytest.raises(BrokerError, match="size too large") as caught:
        producer.send(b"k", bytes(20_971_521))
    assert "max.message.bytes" in caught.value.remedy


def test_leaving_by_an_error_gives_up_what_is_queued() -> None:
    producer = Producer(client_settings(NOBODY), "events")
    with contextlib.suppress(ZeroDivisionError), producer:
        producer.send(b"k", b"v")
        raise ZeroDivisionError
    assert (producer.sent, producer.acked) == (1, 0)
    with pytest.raises(BrokerError, match=r"1 failed: .*[Pp]urged"):
        producer.poll()
