"""Builders for tests about chains: records, batches and a chain in a folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ingest.batch import Batch
from ingest.chain import Chain, Store
from ingest.decode import Decoder
from ingest.folder import FolderStore
from ingest.gathered import Kept
from ingest.objects import ChainId, Encoder
from ingest.records import OffsetRange, Partition, Records

CHAIN = ChainId("events_raw", "id-1", 0)
NOW = datetime(2025, 9, 5, 12, tzinfo=UTC)


def raw_event(offset: int) -> bytes:
    return b'{"event_id":"e%d","event_type":"t","timestamp":0,"learner_id":"l"}' % offset


def records(*offsets: int) -> Records:
    found = Records()
    for offset in offsets:
        found.append(offset, 0, raw_event(offset))
    return found


def decode(found: Records):
    return Decoder(Partition("events_raw", 0), "id-1", 1 << 20)(found, NOW)


def kept() -> Kept:
    return Kept(Decoder(Partition("events_raw", 0), "id-1", 1 << 20), lambda: NOW)


def batch(start: int, *offsets: int, lost: tuple[OffsetRange, ...] = ()) -> Batch:
    return Batch(OffsetRange(start, offsets[-1] + 1), decode(records(*offsets)), lost)


def chain(store: Store | Path, nonce: str = "writer-1", encode: Encoder | None = None, **options) -> Chain:
    where = FolderStore(store) if isinstance(store, Path) else store
    return Chain(where, CHAIN, encode or Encoder("test", nonce), **options)
