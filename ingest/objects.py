"""Batch → Object: its key, its Parquet bytes, its metadata."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from ingest.batch import Batch
from ingest.errors import ChainError
from ingest.records import OffsetRange

Compression = Literal["snappy", "zstd", "lz4", "gzip", "none"]

SUFFIX: Final = ".parquet"
_ZSTD_LEVEL: Final = 1  # as fast as snappy and 1.7 times smaller; higher levels gain nothing on events


@dataclass(frozen=True, slots=True)
class ChainId:
    """Which chain: one partition of one incarnation of a topic.

    `topic_id` is the broker's id of the topic, so that a topic deleted and made again is another chain.
    """

    topic: str
    topic_id: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}] ({self.topic_id})"

    @property
    def prefix(self) -> str:
        """What every key of the chain starts with."""
        return f"{self.topic}/{self.topic_id}/partition={self.partition:05d}/"

    def key(self, start: int) -> str:
        """The key of the slot at offset `start`: zero-padded, so that keys sort as offsets do."""
        return f"{self.prefix}{start:020d}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class ObjectMetadata:
    """What an object says about itself: in the store's own metadata and in the Parquet footer, alike."""

    chain: ChainId
    range: OffsetRange
    first_offset: int  #: of the first row; greater than `range.start` where the broker had a hole
    records: int
    quarantined: int
    version: str  #: of the pipeline that wrote it
    nonce: str  #: of the writer's process
    lost: tuple[OffsetRange, ...] = ()

    def to_text(self) -> dict[str, str]:
        """Names and values as text; names with hyphens, since proxies drop headers with underscores."""
        text = {
            "topic": self.chain.topic,
            "topic-id": self.chain.topic_id,
            "partition": str(self.chain.partition),
            "start": str(self.range.start),
            "next": str(self.range.next),
            "first-offset": str(self.first_offset),
            "records": str(self.records),
            "quarantined": str(self.quarantined),
            "pipeline-version": self.version,
            "writer-nonce": self.nonce,
        }
        return text | ({"lost": ",".join(one.compact() for one in self.lost)} if self.lost else {})

    @classmethod
    def from_text(cls, key: str, text: Mapping[str, str]) -> ObjectMetadata:
        """Read back what `to_text` wrote. Raises `ChainError` if the object at `key` is none of ours."""
        try:
            return cls(
                ChainId(text["topic"], text["topic-id"], int(text["partition"])),
                OffsetRange(int(text["start"]), int(text["next"])),
                int(text["first-offset"]),
                int(text["records"]),
                int(text["quarantined"]),
                text["pipeline-version"],
                text["writer-nonce"],
                tuple(map(OffsetRange.parse, text["lost"].split(","))) if "lost" in text else (),
            )
        except (KeyError, ValueError) as error:
            raise ChainError(
                f"{key} carries no chain metadata ({error!r})",
                "Something else writes below this prefix. Give the pipeline a prefix of its own.",
            ) from error


@dataclass(frozen=True, slots=True)
class Object:
    """One immutable Parquet object, ready to be put."""

    key: str
    body: bytes
    metadata: ObjectMetadata


@dataclass(frozen=True, slots=True)
class Encoder:
    """Writes batches as objects. `nonce` tells this process's objects from every other's."""

    version: str
    nonce: str
    compression: Compression = "snappy"

    def __call__(self, chain: ChainId, batch: Batch) -> Object:
        """The object of a batch. Equal batches give equal bytes."""
        metadata = ObjectMetadata(
            chain,
            batch.range,
            batch.rows["_offset"][0],
            batch.rows.height,
            batch.rows.height - batch.rows["_error"].null_count(),
            self.version,
            self.nonce,
            batch.lost,
        )
        return Object(chain.key(batch.range.start), self._parquet(batch.rows, metadata), metadata)

    def _parquet(self, rows: pl.DataFrame, metadata: ObjectMetadata) -> bytes:
        target = io.BytesIO()
        rows.write_parquet(
            target,
            compression="uncompressed" if self.compression == "none" else self.compression,
            compression_level=_ZSTD_LEVEL if self.compression == "zstd" else None,
            metadata=metadata.to_text(),
        )
        return target.getvalue()
