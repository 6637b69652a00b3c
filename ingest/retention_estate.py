"""All that ages, from the store to the dashboards: looked at, and taken once its time is over.

What is taken goes in the order in which it was made, each step whole, and each may be repeated:

    1. raw rows, and in the same transaction the load history that says so
    2. what dbt made of them
    3. objects in a folder, each chain from its beginning on

Whatever is interrupted between two steps, `ingest verify` finds by the history and by the ages why something is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from ingest.errors import DependencyError
from ingest.layout import slot_of
from ingest.lifecycle import Wanted, amended
from ingest.retention_layers import Share, Taker
from ingest.retention_objects import Remover, removable, remove, stocks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ingest.chain import Entry, Store
    from ingest.retention import Retention
    from ingest.retention_models import Models
    from ingest.retention_objects import Stock
    from ingest.retention_rows import RawTables
    from ingest.tables import History

_T = TypeVar("_T")


@runtime_checkable
class Bucket(Protocol):
    """A store that removes objects by rules of its own: see `ingest.s3.S3Store`."""

    @property
    def root(self) -> str:
        """What all of our keys begin with."""

    def rules(self) -> Sequence[Mapping[str, Any]]:
        """All lifecycle rules, in the words of S3's API."""

    def set_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these in the place of all rules."""

    def keeps_versions(self) -> bool:
        """Whether what is removed stays as a noncurrent version."""


@dataclass(slots=True)
class Look:
    """The shares of all layers that could be looked at, and why the others could not: they are `away`."""

    shares: list[Share] = field(default_factory=list)
    away: dict[str, DependencyError] = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """What an application has done so far: raw rows, in all and by table, rows of models, objects and their bytes.

    Tips and unloaded objects were kept: see `Share`. The job record counts `rows` and `bytes`; what the models held
    stands in that of dbt.
    """

    rows: int = 0
    rows_of: dict[str, int] = field(default_factory=dict)
    model_rows: int = 0
    objects: int = 0
    bytes: int = 0
    tips_kept: int = 0
    unloaded_kept: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Estate:
    """Who is asked. `store`, `raw` and `models` are None where they are left out.

    `history` answers the load history, by which a folder's objects are known to be loaded; None: nobody knows.
    """

    retention: Retention
    topics: Sequence[str]
    store: Store | None
    raw: RawTables | None
    models: Models | None
    history: Callable[[], dict[str, History]] | None

    def look(self, now: datetime) -> Look:
        """What is past its time in each layer, as of `now`. Changes nothing."""
        found = Look()
        self._ask("store", lambda: self._object_shares(now), found)
        if raw := self.raw:
            self._ask("warehouse", lambda: raw.shares(self.retention.raw_horizon(now)), found)
        if models := self.models:
            self._ask("models", lambda: models.shares(now), found)
        return found

    def apply(self, now: datetime, taken: Taken) -> None:
        """Take what is past its time, and count it in `taken` meanwhile. Raises what the layers raise."""
        horizon = self.retention.raw_horizon(now)
        if self.raw:
            taken.rows_of = self.raw.expire(horizon)
            taken.rows = sum(taken.rows_of.values())
        if self.models:
            taken.model_rows = self.models.expire(now)
        if isinstance(self.store, Remover):
            for stock in self._stocks(now):
                taken.tips_kept, taken.unloaded_kept = (
                    taken.tips_kept + stock.tips,
                    taken.unloaded_kept + stock.unloaded,
                )
                taken.bytes += remove(self.store, stock)
                taken.objects += len(stock.past)

    def wanted(self, late: int = 0) -> Wanted | None:
        """The rules that the bucket should have, for topics of the settings and those that have objects.

        None: there is no bucket. `late` is by how many days a rule may be too late.
        """
        bucket = self.bucket
        if self.store is None or bucket is None:
            return None
        topics = {slot.chain.topic for entry in self.store.list() if (slot := slot_of(entry.key))}
        named = [*self.topics, *sorted(topics - {*self.topics})]
        return Wanted(bucket.root, named, self.retention.object_days, bucket.keeps_versions(), late)

    def set_rules(self) -> int:
        """Give the bucket the rules that the settings ask for; answers how many it has then, others' included."""
        bucket, wanted = self.bucket, self.wanted()
        if bucket is None or wanted is None:
            return 0
        rules = amended(bucket.rules(), wanted)
        bucket.set_rules(rules)
        return len(rules)

    @property
    def bucket(self) -> Bucket | None:
        """The store, if it is a bucket."""
        store: object = self.store
        return store if isinstance(store, Bucket) else None

    def _object_shares(self, now: datetime) -> list[Share]:
        by_rules = self.bucket is not None
        horizon = self.retention.rule_horizon(now) if by_rules else self.retention.raw_horizon(now)
        taker = Taker.BUCKET if by_rules else Taker.US
        return [stock.share(horizon, taker) for stock in self._stocks(now)]

    def _stocks(self, now: datetime) -> list[Stock]:
        if self.store is None:
            return []
        if self.bucket is not None:
            return stocks(self.store.list(), self.retention.rule_horizon(now))
        is_loaded = _loaded_by(self.history()) if self.history else None
        return removable(self.store.list(), self.retention.raw_horizon(now), is_loaded)

    def _ask(self, what: str, ask: Callable[[], list[Share]], found: Look) -> None:
        try:
            found.shares += ask()
        except DependencyError as error:
            found.away[what] = error


def _loaded_by(history: Mapping[str, History]) -> Callable[[Entry], bool]:
    def is_loaded(entry: Entry) -> bool:
        line = history.get(entry.key)
        return line is not None and line.status != "failed" and not line.is_of_another(entry.modified)

    return is_loaded
