from __future__ import annotations

import queue
import socket
import threading

import pytest

from ingest.embedded import EmbeddedBroker, serve
from ingest.kafka import client_settings, ensure_topic
from tests.brokers.reading import Topic


def test_it_serves_clients_of_another_process(embedded_broker: str) -> None:
    topic = Topic(client_settings(embedded_broker), "another-process")
    assert topic.produce([(b"k", b"1"), (b"k", b"2")]) == 2
    assert [record.value() for record in topic.read()] == [b"1", b"2"]


def test_two_brokers_in_one_process_share_nothing() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        here, there = (Topic(client_settings(b.bootstrap_servers), "events") for b in (one, other))
        ensure_topic(there.settings, there.name, 4, 10)
        here.produce([(b"k", b"here")])
        assert [record.value() for record in here.read()] == [b"here"]
        assert there.read() == []


def test_it_listens_on_loopback_and_ends_with_the_block() -> None:
    with EmbeddedBroker() as broker:
        host, port = broker.bootstrap_servers.split(":")
        assert host == "127.0.0.1"
        socket.create_connection((host, int(port)), timeout=5).close()
        broker.poll()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


def test_serving_lasts_until_it_is_stopped() -> None:
    stop, ready = threading.Event(), queue.Queue[str]()
    thread = threading.Thread(target=serve, args=(ready.put, stop))
    thread.start()
    host, port = ready.get(timeout=10).split(":")
    socket.create_connection((host, int(port)), timeout=5).close()
    assert thread.is_alive()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
