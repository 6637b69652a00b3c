"""Each damage that hands can do is named, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import polars as pl
import pytest

from ingest.batch import Batch
from ingest.folder import FolderStore
from ingest.layout import slot_of
from ingest.objects import Encoder, sealed_parquet
from ingest.records import OffsetRange
from ingest.rows import read_rows
from tests.damage import Original, Site
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.chain import Store

Found = set[tuple[str, str | None]]
Damage = Callable[[Site, str], Found]

_LINE = "insert into raw.load_history values (?, 'loaded', 7, 70, null, now()::timestamp, now()::timestamp, 1)"


@pytest.fixture(scope="module")
def original(embedded_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original.make(embedded_broker, tmp_path_factory.mktemp("original"))


@pytest.fixture
def site(original: Original, store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    on_s3 = store.url.startswith("s3://")
    return original.copy(store, request.getfixturevalue("s3") if on_s3 else None, tmp_path)


@pytest.fixture
def folder_site(original: Original, tmp_path: Path) -> Site:
    return original.copy(FolderStore(tmp_path / "store"), None, tmp_path)


def elsewhere(site: Site, key: str) -> str:
    """A slot beyond the chain's end."""
    slot = slot_of(key)
    assert slot is not None
    return slot.chain.key(slot.start + 5_000_000)


def forget(site: Site, key: str) -> None:
    """As if it had never been loaded."""
    site.sql("delete from raw.raw_events where _file = ?", key)
    site.sql("delete from raw.load_history where file = ?", key)


# --- what can be done to an object -------------------------------------------------------------------


def object_removed(site: Site, key: str) -> Found:
    site.hands.remove(key)
    return {("object_missing", key)}


def object_truncated(site: Site, key: str) -> Found:
    body = site.store.read(key)
    site.hands.write(key, body[: len(body) // 2], site.said(key))
    return {("object_changed", key)}


def object_renamed(site: Site, key: str) -> Found:
    return _move(site, key, elsewhere(site, key))


def object_put_aside(site: Site, key: str) -> Found:
    return _move(site, key, key + ".bak")


def object_copied(site: Site, key: str) -> Found:
    site.hands.write(elsewhere(site, key), site.store.read(key), site.said(key))
    return {("object_moved", elsewhere(site, key))}


def _move(site: Site, key: str, to: str) -> Found:
    site.hands.write(to, site.store.read(key), site.said(key))
    site.hands.remove(key)
    return {("object_moved", to)}


def metadata_damaged(site: Site, key: str) -> Found:
    said = site.said(key)
    del said["first-offset"]
    site.hands.write(key, site.store.read(key).replace(b"first-offset", b"tsrif-offset"), said)
    return {("object_damaged", key)}


def stranger_put(site: Site, key: str) -> Found:
    stranger = key.replace(".parquet", ".json")
    body, said = sealed_parquet(read_rows(site.store.read(key)).head(1), {"purpose": "none"})
    site.hands.write(stranger, body, said)
    return {("object_foreign", stranger)}


def overlap_made(site: Site, key: str) -> Found:
    slot, rows = slot_of(key), read_rows(site.store.read(key))
    assert slot is not None
    half = rows.tail(rows.height // 2)
    start, stop = half["_offset"][0], half["_offset"][-1] + 1
    made = Encoder("test", "vandal")(slot.chain, Batch(OffsetRange(start, stop), half))
    site.hands.write(made.key, made.body, made.metadata.to_text())
    return {("overlap", made.key)}


# --- what can be done to the warehouse ---------------------------------------------------------------


def loaded_twice(site: Site, key: str) -> Found:
    site.sql("insert into raw.raw_events from raw.raw_events where _file = ?", key)
    return {("rows_doubled", key)}


def copied_and_refused_by_the_loader(site: Site, key: str) -> Found:
    object_copied(site, key)
    site.load()
    return {("object_moved", elsewhere(site, key))}


def row_deleted(site: Site, key: str) -> Found:
    (middle,) = [read_rows(site.store.read(key))["_offset"][3]]
    assert site.sql("delete from raw.raw_events where _file = ? and _offset = ?", key, middle) == 1
    return {("rows_missing", key)}


def rows_deleted(site: Site, key: str) -> Found:
    site.sql("delete from raw.raw_events where _file = ?", key)
    return {("rows_missing", key)}


def row_replaced_by_its_neighbour(site: Site, key: str) -> Found:
    first, second = read_rows(site.store.read(key))["_offset"][:2]
    site.sql("update raw.raw_events set _offset = ? where _file = ? and _offset = ?", first, key, second)
    return {("rows_missing", key), ("rows_doubled", key)}


def row_led_astray(site: Site, key: str) -> Found:
    site.sql("update raw.raw_events set _offset = 999999 where _file = ? and _file_row = 3", key)
    return {("rows_astray", key)}


def row_given_to_another_partition(site: Site, key: str) -> Found:
    site.sql("update raw.raw_events set _partition = _partition + 1 where _file = ? and _file_row = 2", key)
    return {("rows_astray", key)}


def row_quarantined_by_hand(site: Site, key: str) -> Found:
    other = "set _error = case when _error is null then 'empty' end"
    site.sql(f"update raw.raw_events {other} where _file = ? and _file_row = 1", key)
    return {("count_wrong", key)}


def never_loaded(site: Site, key: str) -> Found:
    forget(site, key)
    last = max(one for one in site.objects() if one.rpartition("/")[0] == key.rpartition("/")[0])
    return set() if key == last else {("not_loaded", key)}


def load_failed(site: Site, key: str) -> Found:
    site.sql("delete from raw.raw_events where _file = ?", key)
    site.sql("update raw.load_history set status = 'failed', records = 0, error = 'no' where file = ?", key)
    return {("load_failed", key)}


def history_line_invented(site: Site, key: str) -> Found:
    site.sql(_LINE, elsewhere(site, key))
    return {("history_without_object", elsewhere(site, key))}


def history_line_deleted(site: Site, key: str) -> Found:
    site.sql("delete from raw.load_history where file = ?", key)
    return {("rows_without_history", key)}


def history_miscounts(site: Site, key: str) -> Found:
    site.sql("update raw.load_history set records = records + 1 where file = ?", key)
    return {("count_wrong", key)}


def rows_invented(site: Site, key: str) -> Found:
    invented = "select * replace ('by-hand' as _file) from raw.raw_events where _file = ?"
    site.sql(f"insert into raw.raw_events {invented}", key)
    return {("rows_without_history", "by-hand")}


#: In the order in which they can be done to one site, one after the other.
DAMAGES: list[Damage] = [
    copied_and_refused_by_the_loader,
    object_removed,
    object_truncated,
    object_renamed,
    object_put_aside,
    object_copied,
    metadata_damaged,
    stranger_put,
    overlap_made,
    loaded_twice,
    row_deleted,
    rows_deleted,
    row_replaced_by_its_neighbour,
    row_led_astray,
    row_given_to_another_partition,
    row_quarantined_by_hand,
    never_loaded,
    load_failed,
    history_line_invented,
    history_line_deleted,
    history_miscounts,
    rows_invented,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_named_and_nothing_else(site: Site, damage: Damage) -> None:
    chance = random.Random(damage.__name__)  # noqa: S311 - chance, not secrets
    expected = damage(site, chance.choice(site.objects()))
    assert site.found() == expected


@pytest.mark.parametrize("seed", range(4))
def test_several_damages_at_once_are_each_named(site: Site, seed: int) -> None:
    damage_and_verify(site, seed)


@pytest.mark.parametrize("seed", range(4, 40))
def test_several_damages_at_once_are_each_named_in_a_folder(folder_site: Site, seed: int) -> None:
    damage_and_verify(folder_site, seed)


def damage_and_verify(site: Site, seed: int) -> None:
    """Up to four damages, each in a chain of its own; looking into the objects says no more of them."""
    chance = random.Random(seed)  # noqa: S311
    chains = chance.sample(sorted(site.chains().items(), key=str), chance.randint(1, 4))
    chosen = chance.sample(range(len(DAMAGES)), len(chains))
    expected: Found = set()
    for number, (_, keys) in zip(sorted(chosen), chains, strict=True):
        expected |= DAMAGES[number](site, chance.choice(keys))
    assert site.found(deep=True) == expected


def test_a_gap_is_named_by_its_offsets(site: Site) -> None:
    """Nobody knows of the objects that were there: two in a row, and the first of another chain."""
    chain, keys = max(site.chains().items(), key=lambda pair: len(pair[1]))
    for key in keys[1:3]:
        site.hands.remove(key)
        forget(site, key)
    other, (first, second, *_) = next(pair for pair in site.chains().items() if pair[0] != chain)
    site.hands.remove(first)
    forget(site, first)
    gaps = {(one.kind.value, one.chain, one.offsets, one.key) for one in site.verify().discrepancies}
    start, stop = (slot_of(key).start for key in (keys[1], keys[3]))
    assert gaps == {
        ("gap", chain, OffsetRange(start, stop), None),
        ("gap", other, OffsetRange(0, slot_of(second).start), None),
    }


def test_a_gap_around_an_object_that_is_known_is_named_in_parts(site: Site) -> None:
    keys = max(site.chains().values(), key=len)
    for key in keys[1:4]:
        site.hands.remove(key)
    forget(site, keys[1])
    found = [(one.kind.value, one.offsets, one.key) for one in site.verify().discrepancies]
    starts = [slot_of(key).start for key in keys] + [slot_of(keys[3]).start + 10]
    assert found[0] == ("gap", OffsetRange(starts[1], starts[2]), None)
    assert [(kind, key) for kind, _, key in found[1:]] == [("object_missing", keys[2]), ("object_missing", keys[3])]
    assert found[1][1] == OffsetRange(starts[2], starts[3])


@pytest.mark.parametrize("damage", [object_removed, object_renamed, metadata_damaged, overlap_made, stranger_put])
def test_without_a_warehouse_the_chain_tells_by_itself(site: Site, damage: Damage) -> None:
    chain = max(site.chains().values(), key=len)
    expected = damage(site, chain[1])
    if damage is object_removed:
        expected = {("gap", None)}
    assert site.found(warehouse=False, broker=False) == expected


def test_the_last_object_is_missed_because_its_end_was_committed(site: Site) -> None:
    mine = next(keys for chain, keys in site.chains().items() if chain.topic_id not in ("earlier", "id-7"))
    site.hands.remove(mine[-1])
    assert site.found(warehouse=False) == {("object_missing", mine[-1])}


# --- what only the bytes tell ------------------------------------------------------------------------


def test_flipped_bits_are_seen_by_a_deep_look(site: Site) -> None:
    chance = random.Random(8)  # noqa: S311
    flipped = chance.sample(site.objects(), 5)
    for key in flipped:
        body = bytearray(site.store.read(key))
        body[chance.randrange(4, len(body) // 2)] ^= 1 << chance.randrange(8)
        site.hands.write(key, bytes(body), site.said(key))
    assert site.found() == set()
    assert site.found(deep=True) == {("bytes_changed", key) for key in flipped}


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.with_columns(pl.col("_offset") + 1),
        lambda rows: rows.reverse(),
        lambda rows: rows.with_columns(_topic_id=pl.lit("another")),
        lambda rows: rows.with_columns(_error=pl.lit("empty")),
    ],
    ids=["offsets", "order", "topic", "quarantined"],
)
def test_rows_that_contradict_the_metadata_are_seen_by_a_deep_look(site: Site, change) -> None:
    """A well sealed object at the end of a chain, which nobody has loaded yet."""
    chain, keys = next(pair for pair in site.chains().items() if pair[0].topic == "other")
    rows = read_rows(site.store.read(keys[-1]))
    rows = rows.with_columns(pl.col("_offset") + rows.height)
    made = Encoder("test", "vandal")(chain, Batch(OffsetRange(rows["_offset"][0], rows["_offset"][-1] + 1), rows))
    body, said = sealed_parquet(change(rows), made.metadata.to_text())
    site.hands.write(made.key, body, said)
    assert site.found() == set()
    assert site.found(deep=True) == {("rows_contradict", made.key)}


def test_an_object_cut_short_before_it_was_loaded(site: Site, tmp_path: Path) -> None:
    """A folder has the metadata in the body, so that it shows; a bucket shows it to a deep look, or to the loader."""
    key = next(keys for chain, keys in site.chains().items() if chain.topic == "other")[-1]
    forget(site, key)
    object_truncated(site, key)
    in_folder = not site.store.url.startswith("s3://")
    assert site.found() == ({("object_damaged", key)} if in_folder else set())
    assert site.found(deep=True) == {("object_damaged" if in_folder else "bytes_changed", key)}
    site.load()
    assert site.found() == {("object_damaged" if in_folder else "load_failed", key)}
