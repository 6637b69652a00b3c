"""The protocol: exactly once into the store, with one put per object. Read this file first.

Each Kafka partition is a *chain* of immutable objects. An object covers [start, next): its *slot* is
named by `start`, it records `next`, and `next` names the following slot. A slot is won once, by
put-if-absent. Whoever wins extends the same chain, even a zombie that lost its partitions, so no lock,
lease or second store is needed; the group's committed offset is only a hint that saves time.

    1. the position of a partition is the `next` of the last object known, or 0 for an empty chain
    2. records from the position on are gathered until the batch is due: rows, bytes, age, or stop
    3. the batch becomes one object, one row per record, quarantined records included
    4. put if absent at the slot of the position
         won        → 5
         occupied   → read the winner's `next`, drop what it covers, go on from there
    5. commit `next` to the group
    6. report

`Chain` does 1 and 4; `ingest.batch` gathers, `ingest.objects` encodes, `ingest.consume` turns the wheel
and is the one place that commits. Why each rule is there: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One object as a listing shows it: its key and its size in bytes."""

    key: str
    size: int


class Store(Protocol):
    """Somewhere to keep immutable objects. Keys are relative to the store's root, with `/` between parts.

    Every method may raise `StoreUnavailable` (ask again later; the outcome of a put is then *unknown*) or
    `StoreRefused` (no use in asking again). Methods may be called from several threads at once.
    """

    @property
    def url(self) -> str:
        """Where it is, for messages: a folder's path or `s3://bucket/prefix`."""

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        """Create the object whole, or leave what is there untouched.

        True: this call created it, and a reader sees all of it from now on. False: the key was taken.
        Of any number of concurrent calls for one key exactly one gets True. There is no state in which a
        reader sees a part of the body.
        """

    def metadata(self, key: str) -> dict[str, str] | None:
        """The metadata that the object was created with, names in lower case; None if there is none such."""

    def read(self, key: str) -> bytes:
        """The whole body. Raises `StoreError` if there is no such object."""

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """Objects whose key starts with `prefix`, in ascending byte order of keys, those after `after` only.

        An object whose put returned True before the call began is in the listing.
        """
