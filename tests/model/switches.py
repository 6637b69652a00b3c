"""The protocol's rules, each switched off by patches of the code; `tests.model.mutants` says what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import ingest.consume
import ingest.flush
from ingest.batch import Batch, Buffer, Due
from ingest.chain import Appended, Chain, Hint
from ingest.consume import Consumer
from ingest.errors import StoreUnavailable
from ingest.flush import Flushes
from ingest.lane import Flight, Lane, Prepared
from ingest.objects import ChainId, Object, ObjectMetadata
from ingest.patience import patiently
from ingest.records import OffsetRange, Partition
from ingest.survey import Found, Search
from tests.model.parts import Bucket, SimulatedBroker, SmallEncoder, StagedClock

if TYPE_CHECKING:
    from tests.model.world import World

Patch = tuple[Any, str, Any]  # of whom, which attribute, what instead


def slot_of_the_first_record(_: World) -> Sequence[Patch]:
    take, after = Buffer.take, Batch.after

    def named(batch: Batch) -> Batch:
        return replace(batch, range=OffsetRange(int(batch.rows["_offset"][0]), batch.range.next))

    def after_(batch: Batch, offset: int) -> Batch | None:
        rest = after(batch, offset)
        return named(rest) if rest else None

    return [(Buffer, "take", lambda buffer, now: named(take(buffer, now))), (Batch, "after", after_)]


def start_at_the_low_watermark(_: World) -> Sequence[Patch]:
    search = Search.__call__

    def call(self: Search) -> Found:
        found = search(self)
        return found._replace(position=found.bounds.start) if found.first else found

    return [(Search, "__call__", call)]


def start_at_the_commit(_: World) -> Sequence[Patch]:
    search = Search.__call__

    def call(self: Search) -> Found:
        found, hint = search(self), self._broker.committed(self._partition)
        return found._replace(position=min(hint.offset, found.bounds.next)) if found.first and hint else found

    return [(Search, "__call__", call)]


def two_puts_at_once(_: World) -> Sequence[Patch]:
    follow = Flushes._follow

    def flush(self: Flushes, lane: Lane, due: Due) -> None:
        batch = lane.buffer.take(self._monotonic())
        self.summary.due[due] += 1
        if lane.flight is None:
            self._send(lane, batch, None)
        else:
            appended: Any = self._executor.submit(self._append, lane, batch, None)
            lane.prepared = Prepared(batch, appended, 0)

    def follow_(self: Flushes, lane: Lane, position: int) -> None:
        if lane.prepared is None:
            return follow(self, lane, position)
        batch, appended, nbytes = lane.prepared
        lane.prepared, under_way = None, appended
        lane.flight = Flight(batch, under_way, nbytes, self._monotonic())
        return None

    return [(Flushes, "flush", flush), (Flushes, "_follow", follow_)]


def commit_before_put(_: World) -> Sequence[Patch]:
    send = Flushes._send

    def send_(self: Flushes, lane: Lane, batch: Batch, encoded: Any) -> None:
        self._commit(lane.partition, Hint(batch.range.next, batch.range.start))
        send(self, lane, batch, encoded)

    return [(Flushes, "_send", send_)]


def commits_win_over_objects(_: World) -> Sequence[Patch]:
    last = Chain.last

    def last_(self: Chain, hint: Hint | None = None) -> ObjectMetadata | None:
        if hint is None or not hint.offset:
            return last(self, hint)
        return ObjectMetadata(self.identity, OffsetRange(0, hint.offset), 0, 0, 0, "", "", self._encode.settings)

    return [(Chain, "last", last_)]


def commit_before_put_and_believe_it(world: World) -> Sequence[Patch]:
    return [*commit_before_put(world), *commits_win_over_objects(world)]


def overwrite(world: World) -> Sequence[Patch]:
    put = Bucket.put

    def put_(self: Bucket, key: str, body: bytes, metadata: Mapping[str, str], process: Any) -> bool:
        if self.held.pop(key, None):
            world.soundness.forget(key)
        return put(self, key, body, metadata, process)

    return [(Bucket, "put", put_)]


def no_topic_id_in_the_key(_: World) -> Sequence[Patch]:
    return [(SimulatedBroker, "identity", lambda *_: "id0")]


def identity_at_the_start_alone(_: World) -> Sequence[Patch]:
    return [(module, "check_identity", lambda *_: None) for module in (ingest.flush, ingest.consume)]


def date_in_the_key(world: World) -> Sequence[Patch]:
    encode, clock = SmallEncoder.__call__, StagedClock(world)

    def encode_(self: SmallEncoder, chain: ChainId, batch: Batch) -> Object:
        key = f"{chain.prefix}{clock.now():%Y-%m-%d}/{batch.range.start:020d}.parquet"
        return replace(encode(self, chain, batch), key=key)

    def checked(_: Chain, key: str, text: Mapping[str, str]) -> ObjectMetadata:
        return ObjectMetadata.from_text(key, text)

    return [
        (SmallEncoder, "__call__", encode_),
        (Chain, "_checked", checked),
        (Chain, "_anchor", lambda *_: None),
    ]


def drop_when_the_answer_is_lost(_: World) -> Sequence[Patch]:
    append = Chain.append

    def append_(self: Chain, batch: Batch, encoded: Object | None = None) -> Appended:
        try:
            return append(self, batch, encoded)
        except StoreUnavailable:
            return Appended(batch.range.next, None, 1)

    return [(Chain, "append", append_)]


def drop_after_three_failures(_: World) -> Sequence[Patch]:
    append = Flushes._append

    class Enough(Exception):  # noqa: N818
        pass

    def hastily(ask: Callable[[], Appended], give_up: Event, told: Callable[..., None]) -> Appended:
        failures = 0

        def count(*failure: Any) -> None:
            nonlocal failures
            told(*failure)
            failures += 1
            if failures == 3:
                raise Enough

        return patiently(ask, give_up, count)

    def append_(self: Flushes, lane: Lane, batch: Batch, encoded: Any) -> Appended:
        try:
            return append(self, lane, batch, encoded)
        except Enough:
            return Appended(batch.range.next, None)

    return [(ingest.flush, "patiently", hastily), (Flushes, "_append", append_)]


def a_conflict_is_success(_: World) -> Sequence[Patch]:
    def append(self: Chain, batch: Batch, encoded: Object | None = None) -> Appended:
        candidate = encoded or self.encode(batch)
        self._store.put_if_absent(candidate.key, candidate.body, candidate.metadata.to_text())
        return Appended(candidate.metadata.range.next, candidate)

    return [(Chain, "append", append)]


def a_lost_range_is_not_recorded(_: World) -> Sequence[Patch]:
    return [(Buffer, "lose", lambda *_: None)]


def the_buffer_is_not_trimmed(_: World) -> Sequence[Patch]:
    def land(self: Lane, flight: Flight) -> Appended:
        appended = flight.appended.result()
        self.flight = None
        return appended

    return [(Lane, "land", land)]


def the_prepared_batch_is_not_trimmed(_: World) -> Sequence[Patch]:
    def follow(self: Flushes, lane: Lane, _: int) -> None:
        prepared, lane.prepared = lane.prepared, None
        if prepared:
            self._send(lane, prepared.batch, prepared.encoded)

    return [(Flushes, "_follow", follow)]


def commit_after_losing_the_partition(_: World) -> Sequence[Patch]:
    drop = Consumer._drop

    def drop_(self: Consumer, partitions: Sequence[Partition]) -> None:
        for lane in [self._lanes[partition] for partition in partitions if partition in self._lanes]:
            if lane.flight:
                lane.flight.appended.add_done_callback(partial(_commit_late, self, lane.partition))
        drop(self, partitions)

    return [(Consumer, "_drop", drop_)]


def _commit_late(consumer: Consumer, partition: Partition, put: Any) -> None:
    if put.exception() is None:
        consumer._commit(partition, Hint(put.result().next, None))


def a_lost_response_is_a_conflict(_: World) -> Sequence[Patch]:
    return [(ObjectMetadata, "__eq__", lambda *_: False)]


def the_listing_ends_at_the_hint(_: World) -> Sequence[Patch]:
    last = Chain.last
    return [(Chain, "last", lambda self, hint=None: self._anchor(hint) or last(self, hint))]
