from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import BrokerError, InputError
from ingest.kafka import Producer, client_settings
from ingest.learners import generate
from ingest.produce import Lines, Produced, key_of, of_lines, open_ndjson, produce, read_ndjson
from ingest.scenario import Options
from tests.brokers.reading import Topic

if TYPE_CHECKING:
    from pathlib import Path


class Post:
    """Takes records and says that all were acknowledged; `clock` moves 0.2 s with each."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes | None, bytes | None]] = []
        self.polled = 0

    def send(self, key: bytes | None, value: bytes | None) -> None:
        self.taken.append((key, value))

    def poll(self) -> None:
        self.polled += 1

    def flush(self) -> int:
        return len(self.taken)

    def clock(self) -> float:
        return 100 + 0.2 * len(self.taken)


def test_every_record_is_sent_in_order_and_counted() -> None:
    post, records = Post(), [(b"k", b"123"), (None, None), (b"", b"4")]
    assert produce(records, post, clock=post.clock) == (3, 4, pytest.approx(0.6))
    assert post.taken == records


def test_progress_is_told_every_half_second() -> None:
    post, told = Post(), list[Produced]()
    produce([(b"k", b"v")] * 10, post, told.append, post.clock)
    assert [progress.records for progress in told] == [3, 6, 9]
    assert [progress.bytes for progress in told] == [3, 6, 9]
    assert told[0].seconds == pytest.approx(0.6)
    assert post.polled == 3


def test_learners_reach_the_topic_whole_and_in_order(embedded_broker: str) -> None:
    topic = Topic(client_settings(embedded_broker), "learners")
    records = list(generate(1, 2000, Options(malformed=0.1)))
    done = produce(records, Producer(topic.settings, topic.name))
    assert done.records == 2000
    assert done.bytes == sum(len(value or b"") for _, value in records)
    arrived = topic.read()
    for key in {key for key, _ in records}:
        assert [r.value() for r in arrived if r.key() == key] == [value for k, value in records if k == key]


def test_records_that_reach_nobody_are_an_error() -> None:
    producer = Producer(client_settings("127.0.0.1:1", {"message.timeout.ms": "200"}), "events")
    with pytest.raises(BrokerError, match="3 failed"):
        produce([(b"k", b"v")] * 3, producer)


@given(st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and not line.isspace())), st.booleans())
def test_lines_are_records_byte_for_byte(values: list[bytes], last_feed: bool) -> None:
    text = b"\n".join(values) + (b"\n" if last_feed and values else b"")
    lines = Lines()
    assert [value for _, value in read_ndjson(io.BytesIO(text), lines)] == values
    assert lines.records == len(values)
    assert lines.empty == 0


def test_empty_lines_are_skipped_and_counted() -> None:
    lines = Lines()
    found = list(read_ndjson(io.BytesIO(b'\n{"learner_id":"a"}\n \t\n\r\n{}\n\n'), lines))
    assert found == [(b"a", b'{"learner_id":"a"}'), (None, b"{}")]
    assert lines == Lines(records=2, keyless=1, empty=4)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'{"learner_id":"a"}', b"a"),
        (b' {"event_id":"1","learner_id":"\xc3\xa9","data":{"learner_id":"b"}} ', "é".encode()),
        (b'{"event":{"learner_id":"a"},"batch_id":"b"}', b"a"),
        (b'{"event":"click","learner_id":"a"}', b"a"),
        (b'{"event":"click"}', None),
        (b'{"event":{"data":{"learner_id":"b"}}}', None),
        (b'{"learner_id":""}', None),
        (b'{"learner_id":null}', None),
        (b'{"learner_id":42}', None),
        (b'{"learner_id":"a"', None),
        (b'{"learner_id":"\xff"}', None),
        (b'{"learner_id":"\\ud800"}', None),
        (b'["learner_id"]', None),
        (b"not json", None),
        (b"[" * 100_000, None),
    ],
)
def test_the_key_is_the_learners_id_where_there_is_one(value: bytes, key: bytes | None) -> None:
    assert key_of(value) == key


def test_the_key_agrees_with_the_generators() -> None:
    for key, value in generate(9, 2000, Options(malformed=0)):
        assert key_of(value or b"") == key


def test_a_huge_line_is_one_record_and_one_beyond_the_limit_is_named() -> None:
    huge = b'{"learner_id":"a","data":"' + b"x" * 10_000_000 + b'"}'
    assert list(read_ndjson(io.BytesIO(b"{}\n" + huge + b"\n"))) == [(None, b"{}"), (b"a", huge)]
    with pytest.raises(InputError, match="line 2 is longer than 1000 bytes"):
        list(read_ndjson(io.BytesIO(b"{}\n" + huge), max_bytes=1000))


def test_a_line_of_exactly_the_limit_passes() -> None:
    values = [value for _, value in read_ndjson(io.BytesIO(b"x" * 10 + b"\n" + b"y" * 10), max_bytes=10)]
    assert values == [b"x" * 10, b"y" * 10]


def test_a_file_or_stdin_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"from file\n")
    with open_ndjson(str(path), io.BytesIO(b"from stdin\n")) as stream:
        assert [value for _, value in read_ndjson(stream)] == [b"from file"]
    assert stream.closed
    with open_ndjson("-", io.BytesIO(b"from stdin\n")) as stream:
        assert [value for _, value in read_ndjson(stream)] == [b"from stdin"]
    assert not stream.closed


@pytest.mark.parametrize("text", [b'{\n  "event_id": "e"\n}\n', b"\n[\r\n1\n]", b"\xef\xbb\xbf[ {\n}]\n"])
def test_a_document_over_several_lines_is_refused_before_anything_is_sent(text: bytes) -> None:
    with pytest.raises(InputError, match="nothing was sent") as caught:
        of_lines(read_ndjson(io.BytesIO(text)))
    assert "--format xapi or caliper" in caught.value.remedy


@pytest.mark.parametrize("text", [b"", b"garbage\n{\n", b'{"event_id":\n{\n', b"[]\n[\n", b"{}\n"])
def test_garbage_among_lines_is_sent(text: bytes) -> None:
    assert list(of_lines(read_ndjson(io.BytesIO(text)))) == list(read_ndjson(io.BytesIO(text)))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError, match=why), open_ndjson(str(path), io.BytesIO()):
            pytest.fail("it was opened")


def test_a_stream_that_breaks_is_an_input_error() -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match="Input/output error"):
        list(read_ndjson(Broken()))
