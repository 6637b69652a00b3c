"""The simulated store keeps the contract that the real ones keep, where the model relies on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.model.parts import Bucket, SimulatedStore
from tests.store.contract import StoreContract


class AtOnce:
    """A network on which every request is served at once."""

    def ask(self, process: object, to: str, text: str, perform: Callable[[], Any]) -> Any:
        return perform()


class TestSimulatedStore:
    @pytest.fixture
    def store(self) -> SimulatedStore:
        return SimulatedStore(AtOnce(), Bucket(lambda *_: None), "A")

    test_put = StoreContract.test_a_put_object_can_be_read
    test_taken = StoreContract.test_a_taken_key_keeps_its_object
    test_unknown = StoreContract.test_an_unknown_key
    test_empty = StoreContract.test_an_empty_store_lists_nothing
    test_order = StoreContract.test_listing_is_in_byte_order_of_whole_keys
    test_prefix = StoreContract.test_listing_by_prefix
    test_after = StoreContract.test_listing_after_a_key
    test_at_once = StoreContract.test_a_finished_put_is_listed_at_once
