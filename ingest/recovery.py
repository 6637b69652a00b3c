"""Quarantined records, decoded again after a fix: what is an event now becomes a recovered object beside the chain.

The chain is never touched. What was recovered from one object of it stands in objects of its own, numbered from 0
(`ingest.layout.recovered_key`), each put if absent, so that a record is recovered once, whoever runs when and is
killed where:

    1. read the object, and what was recovered from it before
    2. decode the quarantined rows that are not among the recovered ones
    3. what is valid becomes the recovered object of the next number; put if absent; taken → 1

A recovered row has the coordinates and the times of the quarantined one, and today's event columns. Both are loaded
like any row; staging keeps the valid one (docs/decisions/0012).
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from ingest.decode import Decoder
from ingest.errors import InputError, StoreRefused
from ingest.events import SCHEMA
from ingest.layout import number_of, recovered_key, recovered_prefix, slot_of
from ingest.objects import sealed_parquet
from ingest.records import Partition, Records
from ingest.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ingest.chain import Store
    from ingest.layout import Slot
    from ingest.objects import Compression
    from ingest.quarantine import Selection

WORKERS: Final = 8  # objects at once: mostly waiting for the store


@dataclass(frozen=True, slots=True)
class Judge:
    """How a record is judged today. `settings` are those that change the judgement, as objects carry them."""

    max_record_bytes: int
    version: str
    settings: str

    def again(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Quarantined rows of one partition, decoded again: the same rows in the same order, valid or not."""
        if rows.is_empty():
            return rows
        first, values = rows.row(0, named=True), rows["_raw"].to_list()
        decoder = Decoder(Partition(first["_topic"], first["_partition"]), first["_topic_id"], self.max_record_bytes)
        nbytes = sum(len(value) for value in values if value is not None)
        records = Records(rows["_offset"].to_list(), [None] * rows.height, values, nbytes)
        kept = rows.select("_kafka_timestamp", "_ingested_at")
        return decoder(records, first["_ingested_at"]).with_columns(kept).select(*SCHEMA)


class Recovered(NamedTuple):
    """A recovered object to be put."""

    key: str
    body: bytes
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the selected records of one object.

    `before` were recovered by earlier runs, `recovered` by this one, into `put` if it was not a rehearsal; `reasons`
    counts those still quarantined. `problem` says why the object could not be looked at.
    """

    key: str
    before: int = 0
    recovered: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    put: str | None = None
    nbytes: int = 0
    problem: str | None = None


@dataclass(slots=True)
class RecoverySummary:
    """What a run did, or would do. `failed` objects could not be looked at."""

    objects_examined: int = 0
    recovered_before: int = 0
    recovered: int = 0
    still_quarantined: dict[str, int] = field(default_factory=dict)  #: by `_error`
    objects_put: int = 0
    bytes: int = 0
    failed: int = 0

    def count(self, outcome: Outcome) -> None:
        """Add what became of one object."""
        self.objects_examined += 1
        self.recovered_before += outcome.before
        self.recovered += outcome.recovered
        self.still_quarantined = dict(Counter(self.still_quarantined) + outcome.reasons)
        self.objects_put += outcome.put is not None
        self.bytes += outcome.nbytes
        self.failed += outcome.problem is not None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Recovers what it can of the selected records; as a rehearsal (`apply` false) it puts nothing."""

    store: Store
    judge: Judge
    selection: Selection
    apply: bool = True
    compression: Compression = "snappy"

    def run(self, keys: Iterable[str], on_progress: Callable[[Outcome], None]) -> RecoverySummary:
        """Look at these objects of chains. Run again after any interruption: nothing is recovered twice."""
        summary = RecoverySummary()
        with ThreadPoolExecutor(WORKERS, "recover") as workers:
            try:
                for outcome in workers.map(self.recover, keys):
                    summary.count(outcome)
                    on_progress(outcome)
            except BaseException:
                workers.shutdown(cancel_futures=True)
                raise
        return summary

    def recover(self, key: str) -> Outcome:
        """The steps above, for one object. Raises `StoreUnavailable`."""
        slot = slot_of(key)
        try:
            if slot is None:
                return Outcome(key, problem="it is no object of a chain")
            return self._recover(slot, self.selection.among(read_rows(self.store.read(key))))
        except (InputError, StoreRefused) as error:
            return Outcome(key, problem=str(error))

    def _recover(self, slot: Slot, quarantined: pl.DataFrame) -> Outcome:
        key = slot.chain.key(slot.start)
        while True:
            known, number = recovered_rows(self.store, slot)
            left = quarantined.join(known, on="_offset", how="anti", maintain_order="left")
            judged = self.judge.again(left)
            valid = judged.filter(pl.col("_error").is_null())
            outcome = Outcome(key, quarantined.height - left.height, valid.height, _reasons(judged))
            if valid.is_empty() or not self.apply:
                return outcome
            made = self._object(slot, number, valid)
            if self.store.put_if_absent(*made):
                return Outcome(
                    key, outcome.before, outcome.recovered, outcome.reasons, put=made.key, nbytes=len(made.body)
                )

    def _object(self, slot: Slot, number: int, rows: pl.DataFrame) -> Recovered:
        said = {
            "topic": slot.chain.topic,
            "topic-id": slot.chain.topic_id,
            "partition": str(slot.chain.partition),
            "recovered-from": str(slot.start),
            "first-offset": str(rows["_offset"][0]),
            "last-offset": str(rows["_offset"][-1]),
            "records": str(rows.height),
            "pipeline-version": self.judge.version,
            "settings": self.judge.settings,
        }
        return Recovered(recovered_key(slot, number), *sealed_parquet(rows, said, self.compression))


def recovered_rows(store: Store, slot: Slot) -> tuple[pl.DataFrame, int]:
    """What was recovered from the object at this slot so far, and the number of the next recovered object.

    Raises `InputError` for a recovered object that is damaged: what it holds must be known before more is added.
    """
    frames, number = [pl.DataFrame(schema=SCHEMA)], 0
    for entry in store.list(recovered_prefix(slot)):
        try:
            frames.append(read_rows(store.read(entry.key)))
        except InputError as error:
            raise InputError(f"{entry.key}: {error}") from error
        number = number_of(entry.key) + 1
    return pl.concat(frames), number


def mended(store: Store, slot: Slot, rows: pl.DataFrame, judge: Judge) -> pl.DataFrame:
    """The rows of an object as well as they are known today: the same records in the same order.

    Recovered rows stand in place of quarantined ones, and the other quarantined ones are decoded again.
    """
    quarantined = rows.filter(pl.col("_error").is_not_null())
    if quarantined.is_empty():
        return rows
    known, _ = recovered_rows(store, slot)
    left = quarantined.join(known, on="_offset", how="anti", maintain_order="left")
    kept = rows.join(quarantined, on="_offset", how="anti")
    return pl.concat([kept, known, judge.again(left)]).sort("_offset")


def keys_with_quarantined(store: Store, selection: Selection) -> Iterator[str]:
    """Objects that hold quarantined records, as their own metadata says: one request for each object there is.

    `selection` bounds topic and partition; the rest of it is a matter of rows.
    """
    prefix = f"{selection.topic}/" if selection.topic else ""
    keys = (entry.key for entry in store.list(prefix))
    wanted = [key for key in keys if (slot := slot_of(key)) and selection.partition in (None, slot.chain.partition)]
    with ThreadPoolExecutor(WORKERS, "metadata") as workers:
        for key, said in zip(wanted, workers.map(store.metadata, wanted), strict=True):
            if said is None or said.get("quarantined") != "0":
                yield key


def _reasons(judged: pl.DataFrame) -> Counter[str]:
    return Counter(judged["_error"].drop_nulls().to_list())
