"""The protocol: exactly once into the store, with one put per object. Read this file first.

Each partition of a `Source` becomes a *chain* of immutable objects in a `Store`. An object covers [start,
next): its *slot* is named by `start`, it records `next`, and `next` names the following slot. A slot is won
once, by put-if-absent. Whoever wins extends the same chain, even a zombie that lost its partitions, so no lock,
lease or second store is needed; the group's committed offset is only a hint that saves time.

    1. the position of a partition is the `next` of the last object known, or 0 for an empty chain
    2. records from the position on are gathered until the batch is due: rows, bytes, age, or stop
    3. the batch becomes one object, one row per record, quarantined records included
    4. put if absent at the slot of the position
         won        → 5
         occupied   → read the winner's `next`, drop what it covers, go on from there
    5. commit `next` to the group
    6. report

`Chain` does 1 and 4; `ingest.batch` gathers, `ingest.objects` encodes, `ingest.consume` turns the wheel and
is the one place that commits. Before each put the topic's identity is asked again: all records of the batch
were read before, so an unchanged answer proves that they are of the chain's topic. Why each rule is there:
docs/architecture.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from ingest.batch import Batch
from ingest.errors import ChainError, SettingsError, StoreUnavailable
from ingest.layout import acceptance_key
from ingest.objects import ChainId, Object, ObjectMetadata, marker, settings_of
from ingest.records import OffsetRange, Partition, Records


class Entry(NamedTuple):
    """One object as a listing shows it: its key, its size in bytes, and when it was stored.

    `modified` is aware, in UTC, by the store's own clock; None where nobody knows.
    """

    key: str
    size: int
    modified: datetime | None = None


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


class Hint(NamedTuple):
    """What the group last committed: an offset, the slot of the object that ends there, and where that is.

    `place` is the chain's, see `Chain.place`. None is unknown: somebody else committed.
    """

    offset: int
    slot: int | None
    place: str | None = None


@dataclass(slots=True)
class Polled:
    """What one look at the source brought.

    `ended` names partitions that were read to the current end, and the offset there: beyond the last record,
    where markers of transactions follow it. `cut` names those whose next offset the broker no longer has; they
    are not read until `Source.begin`. A partition may be in `records` and in one of the others: its records
    come first.
    """

    records: dict[Partition, Records]
    ended: dict[Partition, int]
    cut: set[Partition]


class Listener(Protocol):
    """Who is told about partitions that come and go; always from inside `Source.poll`, on its thread."""

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """These are ours now. Nothing is read of them until `Source.begin` says from where."""

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These go to somebody else when this returns. The group waits: be quick, and commit what is done."""

    def lost(self, partitions: Sequence[Partition]) -> None:
        """These have gone already. Nothing may be committed for them any more."""


class Source(Protocol):
    """Partitioned logs that are read by a group, with one committed hint per partition.

    An offset names a record within its partition; offsets ascend and may have holes. Records of one
    partition arrive in offset order, from the offset on that `begin` named. Nothing is committed unless
    `commit` is called. Failures are `BrokerError`; those that the client mends by itself (a broker that
    restarts) are not raised. Not for use by several threads.
    """

    def poll(self, timeout: float) -> Polled:
        """Wait up to `timeout` seconds for records, and take what there is, up to a bound of the source."""

    def begin(self, partition: Partition, offset: int) -> None:
        """Read an assigned partition from this offset on, whether it was being read already or not."""

    def commit(self, hints: Mapping[Partition, Hint]) -> None:
        """Leave hints for whoever reads next, without waiting. May fail: a hint only saves time."""

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Bring no more records of these until `resume`; `poll` must still be called."""

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Bring records of these again, without a gap."""

    def close(self) -> None:
        """Leave the group."""


class Broker(Protocol):
    """What is asked of the same logs apart from reading. From any thread; raises `BrokerError`."""

    def reach(self) -> None:
        """Answer nothing, if the broker can be reached."""

    def identity(self, topic: str) -> str:
        """What tells this incarnation of the topic from any other, or what was configured to stand for it."""

    def bounds(self, partition: Partition) -> OffsetRange:
        """From the first offset that the broker still has to the one that the next record will get."""

    def committed(self, partition: Partition) -> Hint | None:
        """The group's hint, if it has one."""


class Encode(Protocol):
    """Makes the object of a batch; equal batches make equal bytes."""

    @property
    def settings(self) -> str:
        """The settings that change what is stored, as they stand in every object's metadata."""

    def __call__(self, chain: ChainId, batch: Batch) -> Object:
        """The object."""


@dataclass(frozen=True, slots=True)
class Appended:
    """How a batch ended.

    `next` is the position from now on. `stored` is the object that holds the batch's rows, None when
    other writers' objects cover all of them. `conflicts` counts slots that another writer had taken;
    `recovered` says that the object was ours from an earlier put whose response was lost.
    """

    next: int
    stored: Object | None
    conflicts: int = 0
    recovered: bool = False


class Chain:
    """One partition's chain in one store. Holds nothing but who it is: the store is the state.

    Objects of a pipeline with other settings are a `SettingsError`, and a commit beyond the chain's end is a
    `ChainError`, unless `accept`, which leaves a note in the store that these settings may follow those. Two
    pipelines that judge records differently must not share a chain by accident.
    """

    def __init__(self, store: Store, identity: ChainId, encode: Encode, *, accept: bool = False) -> None:
        self.identity = identity
        self._store = store
        self._encode = encode
        self._accept = accept

    @property
    def place(self) -> str:
        """Tells this chain in this store from others, in eight hex digits."""
        return f"{zlib.crc32(f'{self._store.url}/{self.identity.prefix}'.encode()):08x}"

    def last(self, hint: Hint | None = None) -> ObjectMetadata | None:
        """The last object of the chain, None for an empty chain.

        Objects win over commits: a hint is believed only if the object that it names ends where it says,
        and then only shortens the listing. An empty chain starts at slot 0 whatever was committed;
        started at a commit or at the low watermark, two writers could start it at different slots.
        """
        anchor = self._anchor(hint)
        after = self.identity.key(anchor.range.start) if anchor else ""
        found = self._store.list(self.identity.prefix, after)
        key = max((entry.key for entry in found if self.identity.is_slot(entry.key)), default=None)
        last = anchor if key is None else self._object(key)
        if last:
            self._check_settings(last)
            self.check_commit(hint, last.range.next, f"ends at {last.range.next}")
        return last

    def check_commit(self, hint: Hint | None, known: int, found: str) -> None:
        """Raise `ChainError` if the group has committed into this chain beyond the offset `known`: objects have gone.

        A commit that names its slot was made after the object was stored. `known` is where the chain ends; for one
        that is empty the first offset that the broker still has, below which there is nothing to store twice. `found`
        says of the chain what it is.
        """
        if hint is None or hint.slot is None or hint.place != self.place:
            return
        if hint.offset <= known or self._accept:
            return
        raise ChainError(
            f"the group has committed {self.identity.key(hint.slot)}, up to offset {hint.offset}, but the chain in "
            f"{self._store.url} {found}",
            "Is that the store, and its volume mounted? If somebody deleted objects: put them back, from a version "
            "of the bucket or a backup, before anything is written. If they can't be had any more, start once with "
            "--accept-chain: what the broker still has of them is stored again; fill the warehouse anew then.",
        )

    def encode(self, batch: Batch) -> Object:
        """The object that `append` will put, if nobody else was there first."""
        return self._encode(self.identity, batch)

    def append(self, batch: Batch, encoded: Object | None = None) -> Appended:
        """Put the batch at its slot, or what is left of it behind the writers who were there first.

        `encoded` is what `encode` made of the batch. May be called again with the same batch after
        `StoreUnavailable`, when the outcome is unknown.
        """
        conflicts = 0
        candidate = encoded or self.encode(batch)
        rest: Batch | None = batch
        while rest:
            if self._store.put_if_absent(candidate.key, candidate.body, candidate.metadata.to_text()):
                return Appended(candidate.metadata.range.next, candidate, conflicts)
            winner = self._object(candidate.key)
            if winner == candidate.metadata:
                return Appended(winner.range.next, candidate, conflicts, recovered=True)
            self._check_settings(winner)
            conflicts += 1
            position = winner.range.next
            rest = rest.after(position)
            if rest:
                candidate = self.encode(rest)
        return Appended(position, None, conflicts)

    def _anchor(self, hint: Hint | None) -> ObjectMetadata | None:
        if hint is None or hint.slot is None:
            return None
        text = self._store.metadata(self.identity.key(hint.slot))
        if text is None:
            return None
        anchor = self._checked(self.identity.key(hint.slot), text)
        return anchor if anchor.range.next == hint.offset else None

    def _object(self, key: str) -> ObjectMetadata:
        text = self._store.metadata(key)
        if text is None:
            raise StoreUnavailable(
                f"{self._store.url}: {key} was listed or taken a moment ago and is not there now",
                "If it goes on: look for a lifecycle rule or a job that deletes objects; the pipeline never does.",
            )
        return self._checked(key, text)

    def _checked(self, key: str, text: Mapping[str, str]) -> ObjectMetadata:
        found = ObjectMetadata.from_text(key, text)
        if found.chain != self.identity or self.identity.key(found.range.start) != key or not found.range:
            raise ChainError(
                f"{key} says of itself that it is {found.chain} {found.range}",
                "An object was moved or copied by hand: put it back where its metadata says.",
            )
        return found

    def _check_settings(self, found: ObjectMetadata) -> None:
        ours, theirs = settings_of(self._encode.settings), settings_of(found.settings)
        note = acceptance_key(found.settings, self._encode.settings)
        if ours == theirs or self._accepted(note):
            return
        names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        raise SettingsError(
            f"the chain of {self.identity} in {self._store.url} was written with other settings: "
            + ", ".join(f"{name} was {theirs.get(name)!r} and is {ours.get(name)!r}" for name in names),
            "Two pipelines must not share a prefix: give this one its own. If they were changed on purpose, stop "
            "the old consumers and start once with --accept-chain.",
        )

    def _accepted(self, note: str) -> bool:
        """Whether it was accepted that our settings follow others, now or before."""
        if self._accept:
            body, text = marker(note)
            self._store.put_if_absent(note, body, text)
        return self._accept or self._store.metadata(note) is not None
