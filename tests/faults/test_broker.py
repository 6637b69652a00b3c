"""A broker that is stopped or killed comes back at its address, with every record that it had acknowledged."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ingest.kafka import client_settings, ensure_topic
from tests.brokers.reading import Topic
from tests.services.kafka import Broker, own_broker

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[Broker]:
    with own_broker(tmp_path_factory.mktemp("broker")) as own:
        yield own


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_acknowledged_is_there_again(broker, end):
    topic = Topic(client_settings(broker.bootstrap), f"back-after-{end}")
    ensure_topic(topic.settings, topic.name, 4, 30)
    sent = [(b"k%d" % (n % 9), b"v%d" % n) for n in range(5000)]
    assert topic.produce(sent) == 5000
    pid = int(broker.home.pid_file.read_text())
    getattr(broker, end)()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    broker.start()
    assert sorted(record.value() for record in topic.read()) == sorted(value for _, value in sent)
