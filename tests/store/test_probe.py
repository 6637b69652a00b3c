from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.errors import StoreRefused
from ingest.probe import CANARY_KEY, probe
from tests.store.careless import Careless

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ingest.chain import Entry, Store


class Careful(Careless):
    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        return key not in self.held and super().put_if_absent(key, body, metadata)


class Forgetful(Careful):
    def metadata(self, key: str) -> dict[str, str] | None:
        return {} if key in self.held else None


class Blind(Careful):
    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        return iter(())


def test_a_sound_store_passes_again_and_again(store: Store) -> None:
    for _ in range(3):
        probe(store)
    assert [entry.key for entry in store.list()] == [CANARY_KEY]


def test_the_canary_is_nothing_that_a_loader_takes() -> None:
    assert not CANARY_KEY.endswith(".parquet")


@pytest.mark.parametrize(
    ("broken", "says"),
    [(Careless, "ignores conditional writes"), (Forgetful, "metadata"), (Blind, "does not list")],
)
def test_an_unsound_store_is_refused(broken: type[Careless], says: str) -> None:
    with pytest.raises(StoreRefused, match=says) as refused:
        probe(broken())
    assert refused.value.remedy
