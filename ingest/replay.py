"""The records of an excerpt of a topic's chains again, out of the objects: Kafka need not have them any more.

Rows are taken as they are stored; quarantined ones are decoded again, or taken from where they were recovered
(`ingest.recovery.mended`). Where they go is one of two:

    another store    whole objects, at the keys that they have, put if absent: each with all the records of its
                     range, so that what arrives is a piece of the same chain. An object in which nothing was
                     quarantined, or nothing could be mended, arrives byte for byte
    a table          exactly the rows within the bounds, those that it lacks, an object in a transaction

Interrupted anywhere, the next run goes on. A store is not to be consumed into afterwards: its chains need not begin
at slot 0, and an interrupted replay leaves gaps.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import polars as pl

from ingest.batch import Batch
from ingest.errors import ChainError, InputError, SettingsError, StoreUnavailable
from ingest.objects import ObjectMetadata, settings_of, settings_text
from ingest.recovery import mended
from ingest.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ingest.chain import Store
    from ingest.excerpt import Bounds, Part
    from ingest.objects import Encoder
    from ingest.recovery import Judge
    from ingest.warehouse import DuckDbWarehouse

_WORKERS: Final = 8  # parts at once: mostly waiting for the stores


class Result(NamedTuple):
    """What became of a part: so many records were brought, none if all were there; so many of them were mended."""

    part: Part
    records: int = 0
    mended: int = 0
    nbytes: int = 0


@dataclass(slots=True)
class ReplaySummary:
    """What a replay did. `present` objects had nothing to bring that was not there; `bytes` are the other ones'."""

    objects: int = 0
    records: int = 0
    mended: int = 0
    bytes: int = 0
    present: int = 0

    def count(self, result: Result) -> None:
        """Add what became of one part."""
        self.objects += result.records > 0
        self.present += result.records == 0
        self.records += result.records
        self.mended += result.mended
        self.bytes += result.nbytes


class Target(Protocol):
    """Where a replay goes."""

    def bring(self, part: Part) -> Result:
        """Bring what the target lacks of a part, whole or not at all. From several threads at once."""


@dataclass(frozen=True, slots=True)
class ToStore:
    """Into another store, as objects of the same chains."""

    source: Store
    target: Store
    judge: Judge
    encoder: Encoder

    def bring(self, part: Part) -> Result:
        """See `Target`. Raises `ChainError` if another object has the slot."""
        if (there := self.target.metadata(part.key)) is None:
            body, metadata, count = self._made(part)
            if self.target.put_if_absent(part.key, body, metadata):
                return Result(part, part.said.records, count, len(body))
            there = self.target.metadata(part.key)
        _check_same(self.target, part, there)
        return Result(part)

    def _made(self, part: Part) -> tuple[bytes, Mapping[str, str], int]:
        body = self.source.read(part.key)
        rows = _rows(part.key, body)
        better = mended(self.source, part.slot, rows, self.judge)
        count = _quarantined(rows) - _quarantined(better)
        if not count:
            return body, self.source.metadata(part.key) or {}, 0
        settings = settings_text(settings_of(part.said.settings) | settings_of(self.judge.settings))
        encode = replace(self.encoder, settings=settings)
        made = encode(part.said.chain, Batch(part.said.range, better, part.said.lost))
        return made.body, made.metadata.to_text(), count


@dataclass(frozen=True, slots=True)
class ToTable:
    """Into a table of the warehouse, which is made with the columns of raw.raw_events if it isn't there."""

    source: Store
    warehouse: DuckDbWarehouse
    table: str
    bounds: Bounds
    judge: Judge
    _one: Lock = field(default_factory=Lock)  # a connection is one thread's at a time

    def bring(self, part: Part) -> Result:
        """See `Target`."""
        rows = _rows(part.key, self.source.read(part.key))
        better = mended(self.source, part.slot, rows, self.judge).with_columns(
            pl.lit(part.key).alias("_file"), pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_file_row")
        )
        wanted = self.bounds.among(better)
        with self._one:
            added = self.warehouse.add_missing(self.table, wanted)
        count = _quarantined(self.bounds.among(rows)) - _quarantined(wanted)
        return Result(part, added, count if added else 0, part.size if added else 0)


def check_apart(source: str, target: str) -> None:
    """Raise `SettingsError` if one of two stores, given by their URLs, is the other or lies within it."""
    one, other = (url.rstrip("/") + "/" for url in (source, target))
    if one.startswith(other) or other.startswith(one):
        raise SettingsError(
            f"{target} is not apart from {source}: the replay would mix with the chains that it reads",
            "Give --to a prefix or a folder of its own.",
        )


def replay(parts: Sequence[Part], target: Target, on_progress: Callable[[Result], None]) -> ReplaySummary:
    """Bring every part to the target."""
    summary = ReplaySummary()
    with ThreadPoolExecutor(_WORKERS, "replay") as workers:
        try:
            for result in workers.map(target.bring, parts):
                summary.count(result)
                on_progress(result)
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise
    return summary


def _check_same(target: Store, part: Part, there: Mapping[str, str] | None) -> None:
    if there is None:
        raise StoreUnavailable(
            f"{target.url}: {part.key} was taken a moment ago and is not there now", "Run it again."
        )
    said = ObjectMetadata.from_text(part.key, there)
    if said.range != part.said.range:
        raise ChainError(
            f"{target.url}: {part.key} is there already, and covers {said.range} and not {part.said.range}",
            "The target holds another chain: replay to an empty prefix.",
        )


def _rows(key: str, body: bytes) -> pl.DataFrame:
    try:
        return read_rows(body)
    except InputError as error:
        raise InputError(f"{key}: {error}", "Bring the object back from a backup or another region.") from error


def _quarantined(rows: pl.DataFrame) -> int:
    return rows.height - rows["_error"].null_count()
