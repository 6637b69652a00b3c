"""What every `ingest.chain.Store` does. `test_contract` runs it against each kind of store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from secrets import token_bytes
from typing import TYPE_CHECKING

import pytest

from ingest.errors import StoreError
from tests.store.objects import plain

if TYPE_CHECKING:
    from ingest.chain import Store

HELD = {"topic": "events_raw", "topic-id": "a_b/c=d +%20", "note": ""}


def fill(store: Store, *keys: str) -> None:
    for key in keys:
        assert store.put_if_absent(key, plain(HELD), HELD)


def keys(store: Store, prefix: str = "", after: str = "") -> list[str]:
    return [entry.key for entry in store.list(prefix, after)]


class StoreContract:
    def test_a_put_object_can_be_read(self, store: Store) -> None:
        body = plain(HELD, bytes(range(256)))
        assert store.put_if_absent("a/b.parquet", body, HELD) is True
        assert store.read("a/b.parquet") == body
        assert store.metadata("a/b.parquet") == HELD

    def test_a_taken_key_keeps_its_object(self, store: Store) -> None:
        other = {"topic": "other"}
        body = plain(HELD)
        assert store.put_if_absent("a/b.parquet", body, HELD) is True
        assert store.put_if_absent("a/b.parquet", plain(other), other) is False
        assert store.put_if_absent("a/b.parquet", body, HELD) is False
        assert store.read("a/b.parquet") == body
        assert store.metadata("a/b.parquet") == HELD

    def test_one_of_many_racing_puts_wins(self, store: Store, often_switching_threads: None) -> None:
        racers = [{"racer": str(number)} for number in range(64)]
        with ThreadPoolExecutor(64) as pool:
            for key in ("a/b/c.parquet", "a/b/d.parquet", "e.parquet"):
                won = list(pool.map(lambda held: store.put_if_absent(key, plain(held), held), racers))  # noqa: B023
                assert won.count(True) == 1
                winner = racers[won.index(True)]
                assert store.metadata(key) == winner
                assert store.read(key) == plain(winner)

    def test_puts_of_different_keys_all_succeed(self, store: Store) -> None:
        names = [f"p={number % 7}/{number:03d}" for number in range(100)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: fill(store, name), names))
        assert keys(store) == sorted(names)

    def test_a_large_body_arrives_whole(self, store: Store) -> None:
        body = plain(HELD, token_bytes(20_000_000))
        assert store.put_if_absent("large.parquet", body, HELD)
        assert store.read("large.parquet") == body
        assert [entry.size for entry in store.list()] == [len(body)]

    def test_metadata_names_come_back_in_lower_case(self, store: Store) -> None:
        held = {"Topic": "Events", "WRITER-nonce": "A b"}
        assert store.put_if_absent("a", plain(held), held)
        assert store.metadata("a") == {"topic": "Events", "writer-nonce": "A b"}

    def test_no_metadata_is_an_empty_mapping(self, store: Store) -> None:
        assert store.put_if_absent("a", plain({}), {})
        assert store.metadata("a") == {}

    @pytest.mark.parametrize(
        "held",
        [
            *({"name": value} for value in ("é", " x", "x ", "x\n", "x" * 2045)),
            *({name: "x"} for name in ("näme", "a b", "")),
            {"name": "x", "NAME": "y"},
        ],
    )
    def test_metadata_that_headers_would_change_is_a_mistake(self, store: Store, held: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="metadata"):
            store.put_if_absent("a", plain({}), held)
        assert keys(store) == []

    @pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/./b", "a/.hidden", "a\x00b", "a\nb"])
    def test_a_key_outside_the_root_or_hidden_is_a_mistake(self, store: Store, key: str) -> None:
        with pytest.raises(ValueError, match="key"):
            store.put_if_absent(key, plain(HELD), HELD)
        with pytest.raises(ValueError, match="key"):
            store.metadata(key)
        with pytest.raises(ValueError, match="key"):
            store.read(key)

    def test_an_unknown_key(self, store: Store) -> None:
        fill(store, "a/b.parquet")
        for unknown in ("a/c.parquet", "a/b.parque", "z", "a", "a/b.parquet/c"):
            assert store.metadata(unknown) is None
            with pytest.raises(StoreError, match=unknown):
                store.read(unknown)

    def test_an_empty_store_lists_nothing(self, store: Store) -> None:
        assert keys(store) == []
        assert keys(store, "a/", "a/b") == []
        assert store.metadata("a") is None

    def test_listing_is_in_byte_order_of_whole_keys(self, store: Store) -> None:
        # "-" and "." sort before "/", digits after it: a directory's place is where its slash puts it
        names = ["a-b", "a.b", "a/b", "a/c/d", "a0", "b é+%20&?#=:", "b/ü/日本", "b/🎓"]
        fill(store, *reversed(names))
        assert keys(store) == names == sorted(names, key=str.encode)

    def test_listing_by_prefix(self, store: Store) -> None:
        fill(store, "a/b1", "a/b2/c", "a/b2/d", "ab", "b/b1")
        assert keys(store, "a/b") == ["a/b1", "a/b2/c", "a/b2/d"]
        assert keys(store, "a/b2/") == ["a/b2/c", "a/b2/d"]
        assert keys(store, "a") == ["a/b1", "a/b2/c", "a/b2/d", "ab"]
        assert keys(store, "c") == []

    def test_listing_after_a_key(self, store: Store) -> None:
        names = ["a/1", "a/2/x", "a/3", "b/1", "b/2"]
        fill(store, *names)
        for index, name in enumerate(names):
            assert keys(store, after=name) == names[index + 1 :]
            assert keys(store, after=name + "!") == names[index + 1 :]
        assert keys(store, "b/", "a/2/x") == ["b/1", "b/2"]
        assert keys(store, "a/", "a/2") == ["a/2/x", "a/3"]
        assert keys(store, "a/", "b/1") == []

    def test_listing_shows_sizes_and_more_than_a_page(self, store: Store) -> None:
        names = [f"p={number % 3}/{number:05d}" for number in range(1_050)]
        body = plain({})
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: store.put_if_absent(name, body, {}), names))
        assert [(entry.key, entry.size) for entry in store.list()] == [(name, len(body)) for name in sorted(names)]
        assert keys(store, after=sorted(names)[1_001]) == sorted(names)[1_002:]

    def test_a_finished_put_is_listed_at_once(self, store: Store) -> None:
        for number in range(5):
            fill(store, f"a/{number}")
            assert keys(store, "a/")[-1] == f"a/{number}"
