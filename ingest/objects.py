"""Batch → Object: its key, its Parquet bytes, its metadata."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode

import polars as pl

from ingest.batch import Batch
from ingest.errors import ChainError, InputError
from ingest.records import OffsetRange

Compression = Literal["snappy", "zstd", "lz4", "gzip", "none"]

SUFFIX: Final = ".parquet"
_NO_CHECKSUM: Final = "00000000"
_IN_FOOTER: Final = b"checksum\x18\x08"  # how the name and the length of the value stand in a Parquet footer
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

    def is_slot(self, key: str) -> bool:
        """Whether the key is one that `key` answers: not somebody's notes beside the objects."""
        name = key.removeprefix(self.prefix).removesuffix(SUFFIX)
        return len(name) == 20 and name.isascii() and name.isdigit() and key == f"{self.prefix}{name}{SUFFIX}"


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
    settings: str = ""  #: of the pipeline that wrote it, as far as they change what is stored
    checksum: str = _NO_CHECKSUM  #: of the whole body, see `checksum_of`
    lost: tuple[OffsetRange, ...] = ()  #: deleted before they were read, but for what was before the chain began

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
            "settings": self.settings,
            "checksum": self.checksum,
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
                text["settings"],
                text["checksum"],
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
    """Writes batches as objects. `nonce` tells this process's objects from every other's.

    `settings` are those of the pipeline that change what is stored, as `settings_text` writes them.
    """

    version: str
    nonce: str
    compression: Compression = "snappy"
    settings: str = ""

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
            self.settings,
            lost=tuple(one for one in batch.lost if one.start),
        )
        body, text = sealed_parquet(batch.rows, metadata.to_text(), self.compression)
        return Object(chain.key(batch.range.start), body, replace(metadata, checksum=text["checksum"]))


def sealed_parquet(
    rows: pl.DataFrame, metadata: Mapping[str, str], compression: Compression = "snappy"
) -> tuple[bytes, dict[str, str]]:
    """Rows as Parquet whose footer holds the metadata and a checksum of all of it; and that metadata."""
    body = _parquet(rows, {**metadata, "checksum": _NO_CHECKSUM}, compression)
    sealed, checksum = _seal(body)
    return sealed, {**metadata, "checksum": checksum}


def marker(note: str) -> tuple[bytes, dict[str, str]]:
    """An object that says nothing but that it is there, as its body and metadata."""
    return sealed_parquet(pl.DataFrame({"note": [note]}), {"purpose": "marker", "note": note})


def settings_text(settings: Mapping[str, str]) -> str:
    """The settings as one line of plain ASCII; equal settings give equal text."""
    return urlencode(sorted(settings.items()))


def settings_of(text: str) -> dict[str, str]:
    """Read back what `settings_text` wrote."""
    return dict(parse_qsl(text, keep_blank_values=True))


def checksum_of(body: bytes) -> str:
    """The CRC-32 of an object's body, in eight hex digits, its own eight digits in the footer counted as zeros.

    So it covers every byte, the footer's included, and stands in the footer all the same. Raises `InputError`
    for a body whose footer has no place for it.
    """
    at, view = _place(body), memoryview(body)
    crc = zlib.crc32(view[at + 8 :], zlib.crc32(_NO_CHECKSUM.encode(), zlib.crc32(view[:at])))
    return f"{crc:08x}"


def check_body(body: bytes) -> None:
    """Raise `InputError` unless the body is, byte for byte, what was written."""
    at = _place(body)
    if body[at : at + 8] != checksum_of(body).encode():
        raise InputError("its bytes are not those that were written: the checksum differs")


def _seal(body: bytes) -> tuple[bytes, str]:
    """The body with its checksum in the footer, and the checksum."""
    at, checksum = _place(body), checksum_of(body)
    view = memoryview(body)
    return b"".join((view[:at], checksum.encode(), view[at + 8 :])), checksum


def _place(body: bytes) -> int:
    """Where the digits stand. Names and values in the footer are printable, so nothing else looks like it."""
    length = int.from_bytes(body[-8:-4], "little")
    found = body.rfind(_IN_FOOTER, max(0, len(body) - 8 - length))
    if body[-4:] != b"PAR1" or found < 0:
        raise InputError("no Parquet object of ours: its footer has no checksum")
    return found + len(_IN_FOOTER)


def _parquet(rows: pl.DataFrame, metadata: dict[str, str], compression: Compression) -> bytes:
    target = io.BytesIO()
    rows.write_parquet(
        target,
        compression="uncompressed" if compression == "none" else compression,
        compression_level=_ZSTD_LEVEL if compression == "zstd" else None,
        metadata=metadata,
    )
    return target.getvalue()
