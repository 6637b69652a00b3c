"""Objects of real chains that are as old as a test wants, in a folder."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import polars as pl

from ingest.batch import Batch
from ingest.chain import Chain, Store
from ingest.objects import ChainId, Encoder
from tests.chains import batch
from tests.store.objects import TOPIC, TOPIC_ID


def put(store: Store, start: int, partition: int) -> None:
    """The next object of a chain, of ten records."""
    made = batch(start, *range(start, start + 10))
    rows = made.rows.with_columns(_partition=pl.lit(partition, dtype=pl.Int32), _topic_id=pl.lit(TOPIC_ID))
    Chain(store, ChainId(TOPIC, TOPIC_ID, partition), Encoder("test", "n")).append(Batch(made.range, rows))


def aged(path: Path, at: datetime) -> None:
    """As if the object had been stored then."""
    os.utime(path, (at.timestamp(), at.timestamp()))
