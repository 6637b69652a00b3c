"""What we use of a broker. The embedded one and Apache Kafka both keep it: a test on one speaks for both."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaError

from tests.brokers.reading import PARTITIONS, PATIENCE, Topic, events, to_the_end

if TYPE_CHECKING:
    from confluent_kafka import Consumer

LEARNERS = [f"learner-{number}".encode() for number in range(20)]


def some_records(count: int) -> list[tuple[bytes, bytes]]:
    return [(LEARNERS[number % len(LEARNERS)], b"%d" % number) for number in range(count)]


def test_the_records_of_a_key_stay_in_order_in_one_partition(topic: Topic) -> None:
    assert topic.produce(some_records(500)) == 500
    seen = defaultdict(list)
    for record in topic.read():
        seen[record.key()].append((record.partition(), record.value()))
    assert set(seen) == set(LEARNERS)
    for number, key in enumerate(LEARNERS):
        assert len({partition for partition, _ in seen[key]}) == 1
        assert [value for _, value in seen[key]] == [b"%d" % n for n in range(number, 500, len(LEARNERS))]
    assert len({records[0][0] for records in seen.values()}) > 1


def test_offsets_count_from_zero_without_a_gap(topic: Topic) -> None:
    topic.produce(some_records(300))
    offsets = defaultdict(list)
    for record in topic.read():
        offsets[record.partition()].append(record.offset())
    assert sum(len(column) for column in offsets.values()) == 300
    assert all(column == list(range(len(column))) for column in offsets.values())


def test_watermarks_are_zero_and_the_next_offset(topic: Topic) -> None:
    topic.produce(some_records(300))
    counts = defaultdict(int)
    for record in topic.read():
        counts[record.partition()] += 1
    with topic.consumer() as consumer:
        for number in PARTITIONS:
            marks = consumer.get_watermark_offsets(topic.at(0, number), timeout=10)
            assert marks == (0, counts[number])


def test_each_partition_tells_its_end_and_tells_it_again(topic: Topic) -> None:
    topic.produce([(b"k", b"1"), (b"k", b"2")])
    with topic.consumer() as consumer:
        consumer.assign([topic.at(0, number) for number in PARTITIONS])
        first = to_the_end(consumer, set(PARTITIONS))
        assert [record.value() for record in first] == [b"1", b"2"]
        home = first[0].partition()
        topic.produce([(b"k", b"3")])
        assert [record.value() for record in to_the_end(consumer, {home})] == [b"3"]


def test_reading_starts_at_the_offset_that_is_asked_for(topic: Topic) -> None:
    topic.produce([(b"k", b"%d" % number) for number in range(10)])
    with topic.consumer() as consumer:
        partition = topic.read()[0].partition()
        consumer.assign([topic.at(7, partition)])
        assert [record.value() for record in to_the_end(consumer, {partition})] == [b"7", b"8", b"9"]
        consumer.seek(topic.at(4, partition))
        assert [record.offset() for record in to_the_end(consumer, {partition})] == [4, 5, 6, 7, 8, 9]


def test_a_position_beyond_the_end_is_told_not_reset(topic: Topic) -> None:
    topic.produce([(b"k", b"v")])
    with topic.consumer() as consumer:
        consumer.assign([topic.at(1000, 0)])
        event = next(events(consumer, time.monotonic() + PATIENCE))
    error = event.error()
    assert error is not None
    assert error.code() == KafkaError._AUTO_OFFSET_RESET


def test_a_commit_keeps_its_metadata(topic: Topic) -> None:
    note = "nonce=4f2a; next=7; é" + "x" * 500
    with topic.consumer() as consumer:
        consumer.commit(offsets=[topic.at(7, 1, note)], asynchronous=False)
    with topic.consumer() as consumer:
        kept, none = consumer.committed([topic.at(-1, 1), topic.at(-1, 2)], timeout=10)
    assert (kept.offset, kept.metadata) == (7, note)
    assert none.offset < 0
    assert not none.metadata


def test_groups_do_not_see_each_others_commits(topic: Topic) -> None:
    with topic.consumer("one") as consumer:
        consumer.commit(offsets=[topic.at(7, 1)], asynchronous=False)
    with topic.consumer("two") as consumer:
        assert consumer.committed([topic.at(-1, 1)], timeout=10)[0].offset < 0


def test_a_group_resumes_at_its_commit(topic: Topic) -> None:
    topic.produce(some_records(200))
    records = topic.read()
    counts = [sum(record.partition() == number for record in records) for number in PARTITIONS]
    halves = [count // 2 for count in counts]
    with topic.consumer() as consumer:
        consumer.commit(
            offsets=[topic.at(half, n) for n, half in zip(PARTITIONS, halves, strict=True)],
            asynchronous=False,
        )
    with topic.consumer() as consumer:
        consumer.subscribe([topic.name])
        rest = to_the_end(consumer, set(PARTITIONS))
    assert sorted((r.partition(), r.offset()) for r in rest) == [
        (number, offset) for number in PARTITIONS for offset in range(halves[number], counts[number])
    ]


def test_two_consumers_share_the_partitions_and_one_inherits_them(topic: Topic) -> None:
    # When a member leaves, the embedded broker keeps the others waiting for a session time-out.
    hasty = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 300}
    with topic.consumer(**hasty) as stays:
        stays.subscribe([topic.name])
        with topic.consumer(**hasty) as leaves:
            leaves.subscribe([topic.name])
            assert poll_until_assigned([stays, leaves], 2)
            shared = [part.partition for member in (stays, leaves) for part in member.assignment()]
            assert sorted(shared) == list(PARTITIONS)
        assert poll_until_assigned([stays], 4)


def poll_until_assigned(members: list[Consumer], count: int) -> bool:
    """Whether each member comes to hold `count` partitions. Events met on the way don't matter here."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for member in members:
            member.poll(0.05)
        if all(len(member.assignment()) == count for member in members):
            return True
    return False


def test_the_producers_timestamp_is_kept(topic: Topic) -> None:
    topic.produce([(b"k", b"v")], timestamp=1_757_066_400_123)
    assert [record.timestamp() for record in topic.read()] == [(TIMESTAMP_CREATE_TIME, 1_757_066_400_123)]


def test_null_empty_and_full_values_are_three_things(topic: Topic) -> None:
    topic.produce([(b"k", None), (b"k", b""), (b"k", b"\xff\x00")])
    assert [record.value() for record in topic.read()] == [None, b"", b"\xff\x00"]


def test_null_and_empty_keys_are_two_things(topic: Topic) -> None:
    topic.produce([(None, b"null"), (b"", b"empty")])
    assert {record.value(): record.key() for record in topic.read()} == {b"null": None, b"empty": b""}


def test_a_record_of_several_megabytes_arrives_whole(topic: Topic) -> None:
    large = bytes(range(256)) * 12_000  # 3 MB
    topic.produce([(b"k", b"before"), (b"k", large), (b"k", b"after")])
    assert [record.value() for record in topic.read()] == [b"before", large, b"after"]
