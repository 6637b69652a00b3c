"""A look into the objects themselves: their bytes against their checksum, their rows against their metadata."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Final

import polars as pl

from ingest.discrepancies import Discrepancy, Kind
from ingest.errors import ChainError, InputError, StoreRefused
from ingest.objects import ObjectMetadata, check_body
from ingest.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.chain import Store
    from ingest.inventory import Inventory, Stored

#: Objects in memory at once, each whole and decoded.
_READERS: Final = 4


def inspect(store: Store, inventory: Inventory, on_progress: Callable[[int], None]) -> list[Discrepancy]:
    """Read every object whose metadata can be read, and recovered rows and job records; answers what is wrong.

    `on_progress` hears how many objects were read. Raises what the store raises.
    """
    objects: list[Stored | str] = [one for one in inventory.objects if one.said is not None]
    found: list[Discrepancy] = []
    with ThreadPoolExecutor(_READERS, "inspect") as readers:
        try:
            for number, one in enumerate(
                readers.map(lambda one: _look(store, one), [*objects, *inventory.others]), 1
            ):
                found += one
                on_progress(number)
        except BaseException:
            readers.shutdown(cancel_futures=True)
            raise
    return found


def _look(store: Store, one: Stored | str) -> list[Discrepancy]:
    key, said = (one, None) if isinstance(one, str) else (one.key, one.said)
    chain, offsets = (said.chain, said.range) if said else (None, None)
    try:
        body = store.read(key)
        check_body(body)
    except (InputError, StoreRefused) as error:
        return [Discrepancy(Kind.BYTES_CHANGED, str(error), chain, offsets, key)]
    faults = _contradictions(key, body, said) if said else ()
    return [Discrepancy(Kind.ROWS_CONTRADICT, fault, chain, offsets, key) for fault in faults]


def _contradictions(key: str, body: bytes, said: ObjectMetadata) -> Iterator[str]:
    try:
        rows, footer = read_rows(body), ObjectMetadata.from_text(key, pl.read_parquet_metadata(BytesIO(body)))
    except (InputError, ChainError) as error:
        yield str(error)
        return
    if footer != said:
        yield "the metadata in its footer differ from those that the store keeps"
    chain = footer.chain
    if not _constant(rows, {"_topic": chain.topic, "_topic_id": chain.topic_id, "_partition": chain.partition}):
        yield "it has rows of another topic or partition than its metadata say"
    offsets = rows["_offset"]
    if not _ascending(offsets) or offsets[0] != footer.first_offset or not _within(offsets, footer):
        yield "its rows have other offsets than its metadata say"
    if rows.height - rows["_error"].null_count() != footer.quarantined:
        yield "its metadata counts other quarantined records than it has"


def _constant(rows: pl.DataFrame, values: dict[str, str | int]) -> bool:
    return all((rows[name] == value).all() for name, value in values.items())


def _ascending(offsets: pl.Series) -> bool:
    return bool(offsets.len()) and bool((offsets.diff().drop_nulls() > 0).all())


def _within(offsets: pl.Series, said: ObjectMetadata) -> bool:
    """Whether all offsets are in the range, and none is among those that it says were lost."""
    lost = any(((offsets >= one.start) & (offsets < one.next)).any() for one in said.lost)
    return offsets[0] >= said.range.start and offsets[-1] < said.range.next and not lost
