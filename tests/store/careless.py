"""The negative control: a store like any other, except that it ignores the condition of a put."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.chain import Entry
from ingest.errors import StoreRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Careless:
    """Overwrites and says that it created, as S3-compatible stores do that don't know `If-None-Match`."""

    url = "memory:careless"

    def __init__(self) -> None:
        self.held: dict[str, tuple[bytes, dict[str, str]]] = {}

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        self.held[key] = (body, {name.lower(): value for name, value in metadata.items()})
        return True

    def metadata(self, key: str) -> dict[str, str] | None:
        return self.held[key][1] if key in self.held else None

    def read(self, key: str) -> bytes:
        if key not in self.held:
            raise StoreRefused(key)
        return self.held[key][0]

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        for key in sorted(self.held):
            if key.startswith(prefix) and key > after:
                yield Entry(key, len(self.held[key][0]))
