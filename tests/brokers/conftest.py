from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from ingest.kafka import client_settings, ensure_topic
from tests.brokers.reading import Topic
from tests.services.kafka import OWN

if TYPE_CHECKING:
    from collections.abc import Callable

_numbers = itertools.count()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """Each broker in turn: what passes with this fixture is the contract that both keep."""
    return str(request.getfixturevalue(f"{request.param}_broker"))


@pytest.fixture
def new_topic() -> Callable[[str], Topic]:
    """Make a topic of 4 partitions that no other test has seen."""

    def make(address: str) -> Topic:
        topic = Topic(client_settings(address), f"contract{OWN}-{next(_numbers)}")
        assert ensure_topic(topic.settings, topic.name, 4, 30) == 4
        return topic

    return make


@pytest.fixture
def topic(bootstrap: str, new_topic: Callable[[str], Topic]) -> Topic:
    return new_topic(bootstrap)
