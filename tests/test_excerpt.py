"""Which objects hold an offset or a time range, against a look at every row."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl
import pytest

from ingest.batch import Batch
from ingest.chain import Chain
from ingest.errors import ChainError, InputError, SettingsError
from ingest.excerpt import MARGIN, Bounds, chains_in, choose, excerpt
from ingest.objects import ChainId, Encoder, sealed_parquet
from ingest.records import OffsetRange
from tests.chains import decode, records
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures
from tests.quarantined import NOON
from tests.store.careless import Careless

CHAIN = ChainId("events_raw", "id-1", 0)


class Counting(Careless):
    """Counts how many whole objects are read."""

    reads = 0

    def read(self, key):
        self.reads += 1
        return super().read(key)


def append(store, start: int, offsets: list[int], at) -> None:
    """An object whose rows were read at these times."""
    rows = decode(records(*offsets)).with_columns(pl.Series("_ingested_at", at, dtype=pl.Datetime("us", "UTC")))
    Chain(store, CHAIN, Encoder("1", "w")).append(Batch(OffsetRange(start, offsets[-1] + 1), rows))


def random_chain(store, seed: int, objects: int, step: timedelta, disorder: timedelta) -> pl.DataFrame:
    """A chain with holes, whose times ascend but for a disorder of less than so much; and all its rows."""
    dice, position, now = random.Random(seed), 0, NOON  # noqa: S311 - chains, not secrets
    for _ in range(objects):
        offsets = sorted(dice.sample(range(position, position + 8), dice.randint(1, 6)))
        at = []
        for _ in offsets:
            now += step * dice.random()
            at.append(now - disorder * dice.random())
        append(store, position, offsets, at)
        position = offsets[-1] + 1
    return pl.concat(pl.read_parquet(store.read(entry.key)) for entry in store.list())


class Truth:
    """Keys and counts of a store, by a look at every row."""

    def __init__(self, store) -> None:
        self.rows = {entry.key: pl.read_parquet(store.read(entry.key)) for entry in store.list()}

    def __call__(self, bounds: Bounds) -> list[tuple[str, int]]:
        counts = [(key, bounds.among(rows).height) for key, rows in self.rows.items()]
        return [(key, count) for key, count in counts if count]


def found(store, bounds: Bounds) -> list[tuple[str, int]]:
    return [(part.key, part.records) for part in excerpt(store, list(store.list()), bounds)]


def test_any_offset_range_is_found_by_keys_and_counted_exactly():
    store = Careless()
    last = random_chain(store, 1, 6, timedelta(minutes=1), timedelta(0))["_offset"][-1]
    truth = Truth(store)
    ends = [None, *range(last + 3)]
    for start in ends:
        for stop in ends:
            if start is not None and stop is not None and start >= stop:
                continue
            bounds = Bounds(start, stop)
            assert found(store, bounds) == truth(bounds), bounds


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("step", [timedelta(seconds=10), timedelta(minutes=20)])
def test_any_time_range_is_found_though_times_are_out_of_order(seed, step):
    store = Careless()
    rows = random_chain(store, seed, 60, step, MARGIN / 2)
    dice = random.Random(seed)  # noqa: S311
    truth = Truth(store)
    times = [*rows["_ingested_at"], NOON - MARGIN, rows["_ingested_at"].max() + MARGIN * 2]
    for _ in range(15):
        since, until = sorted(dice.sample(times, 2))
        for bounds in (Bounds(since=since, until=until), Bounds(since=since), Bounds(until=until)):
            assert found(store, bounds) == truth(bounds), bounds


def test_a_long_chain_is_not_read_for_a_part_of_it():
    store = Counting()
    random_chain(store, 0, 800, timedelta(minutes=2), timedelta(seconds=1))
    store.reads = 0
    assert len(found(store, Bounds(start=1000, stop=2000))) > 100
    assert store.reads <= 2
    store.reads = 0
    bounds = Bounds(since=NOON + timedelta(days=1), until=NOON + timedelta(days=2))
    assert len(found(store, bounds)) > 200
    assert store.reads < 200
    store.reads = 0
    assert len(found(store, Bounds())) == 800
    assert store.reads == 0


def test_chains_are_told_apart(store):
    for topic, partition in (("a", 0), ("a", 1), ("ab", 0)):
        chain = ChainId(topic, "id", partition)
        rows = decode(records(0))
        Chain(store, chain, Encoder("1", "w")).append(Batch(OffsetRange(0, 1), rows))
    assert list(chains_in(store, "a")) == [ChainId("a", "id", 0), ChainId("a", "id", 1)]
    assert chains_in(store, "none") == {}


def test_choosing_chains():
    first, again, other = ChainId("t", "a", 0), ChainId("t", "b", 0), ChainId("t", "b", 1)
    all_of_them = dict.fromkeys((first, again, other), ())
    assert list(choose(all_of_them, None, (), Bounds())) == [first, again, other]
    assert list(choose(all_of_them, "b", (), Bounds())) == [again, other]
    assert list(choose(all_of_them, None, (0,), Bounds(since=NOON))) == [first, again]
    assert list(choose(all_of_them, "b", (1,), Bounds(start=3))) == [other]
    with pytest.raises(SettingsError, match=r"several: t\[0\] \(a\), t\[0\] \(b\)"):
        choose(all_of_them, None, (0,), Bounds(start=3))
    with pytest.raises(SettingsError, match=r"no such chain.*t\[1\] \(b\)"):
        choose(all_of_them, None, (2,), Bounds())
    with pytest.raises(SettingsError, match="none"):
        choose({}, None, (), Bounds())


@pytest.mark.parametrize("bounds", [(5, 5), (5, 4), (None, None, NOON, NOON), (None, None, NOON, NOON - MARGIN)])
def test_an_empty_range_is_a_mistake(bounds):
    with pytest.raises(SettingsError, match="empty"):
        Bounds(*bounds)


def test_a_gap_is_told_where_it_matters():
    store = Careless()
    for start in range(0, 50, 10):
        append(store, start, list(range(start, start + 10)), [NOON] * 10)
    del store.held[CHAIN.key(20)]
    with pytest.raises(ChainError, match="the object at 10 ends at 20, and the next one starts at 30"):
        excerpt(store, list(store.list()), Bounds(stop=35))
    assert len(excerpt(store, list(store.list()), Bounds(start=30))) == 2
    assert len(excerpt(store, list(store.list()), Bounds(stop=20))) == 2


def test_an_object_that_was_moved_or_is_damaged_is_refused():
    store = Careless()
    append(store, 0, [0, 1], [NOON, NOON])
    body, held = store.held[CHAIN.key(0)]
    store.held[CHAIN.key(2)] = (body, held)
    with pytest.raises(ChainError, match="says of itself"):
        excerpt(store, list(store.list()), Bounds())
    store.held = {CHAIN.key(0): (body[:-20] + bytes([body[-20] ^ 1]) + body[-19:], held)}
    with pytest.raises(InputError, match=CHAIN.key(0)):
        excerpt(store, list(store.list()), Bounds(since=NOON))
    store.held = {CHAIN.key(0): sealed_parquet(pl.DataFrame(), {})}
    with pytest.raises(ChainError, match="no chain metadata"):
        excerpt(store, list(store.list()), Bounds())
