"""A store whose objects are as old as a test says, and a warehouse that was filled when it says."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from ingest.chain import Entry, Store
from ingest.load import LoadSummary, load
from ingest.retention import Retention

if TYPE_CHECKING:
    from tests.damage import Site

RETENTION = Retention(raw_months=18, aggregate_years=7, realtime_days=90)
#: The horizon of raw rows is 2025-09-10 at this time, five days after the records of `tests.chains` were read.
NOW = datetime(2027, 3, 10, tzinfo=UTC)
HORIZON = datetime(2025, 9, 10, tzinfo=UTC)
OLD, NEAR, YOUNG = HORIZON - timedelta(days=1), HORIZON + timedelta(days=5), HORIZON + timedelta(days=60)


@dataclass
class AgedStore:
    """The store itself, but for the ages that a listing shows: `ages` by key, `age` for all others."""

    store: Store
    age: datetime = YOUNG
    ages: dict[str, datetime] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.store.url

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        return self.store.put_if_absent(key, body, metadata)

    def metadata(self, key: str) -> dict[str, str] | None:
        return self.store.metadata(key)

    def read(self, key: str) -> bytes:
        return self.store.read(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        for entry in self.store.list(prefix, after):
            yield entry._replace(modified=self.ages.get(entry.key, self.age))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def load_at(site: Site, at: datetime) -> LoadSummary:
    return load(site.store, site.warehouse, lambda: at, lambda line: None, threading.Event())


def query(warehouse: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(warehouse)) as connection:
        return connection.execute(sql).fetchall()
