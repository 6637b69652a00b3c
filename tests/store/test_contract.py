"""Both stores keep the contract, and the contract notices a store that doesn't."""

from __future__ import annotations

import pytest

from tests.store.careless import Careless
from tests.store.contract import StoreContract


class TestContract(StoreContract):
    pass


def test_the_contract_notices_a_store_that_overwrites() -> None:
    with pytest.raises(AssertionError):
        StoreContract().test_a_taken_key_keeps_its_object(Careless())
    with pytest.raises(AssertionError):
        StoreContract().test_one_of_many_racing_puts_wins(Careless(), None)


def test_the_careless_store_is_otherwise_sound() -> None:
    StoreContract().test_a_put_object_can_be_read(Careless())
    StoreContract().test_listing_is_in_byte_order_of_whole_keys(Careless())
