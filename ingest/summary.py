"""What a run of the consumer did, counted object by object."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.batch import Batch, Due
    from ingest.chain import Appended
    from ingest.objects import Object
    from ingest.records import OffsetRange, Partition


@dataclass(slots=True)
class Summary:
    """What a run did. `unfinished` counts records that were read but not stored; they are read again."""

    records: int = 0
    quarantined: int = 0
    objects: int = 0
    nbytes: int = 0
    conflicts: int = 0
    recovered: int = 0
    retries: int = 0
    unfinished: int = 0
    due: Counter[Due] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    lost: list[tuple[Partition, OffsetRange]] = field(default_factory=list)

    def count(self, batch: Batch, appended: Appended) -> None:
        """Add what became of a batch."""
        self.conflicts += appended.conflicts
        self.recovered += appended.recovered
        stored = appended.stored
        if stored is None:
            return
        self.objects += 1
        self.records += stored.metadata.records
        self.quarantined += stored.metadata.quarantined
        self.nbytes += len(stored.body)
        self.reasons.update(_reasons(batch, stored))


def _reasons(batch: Batch, stored: Object) -> Counter[str]:
    """How many rows of the object were quarantined for what, without the field."""
    if not stored.metadata.quarantined:
        return Counter()
    rows = batch.rows.tail(stored.metadata.records)
    return Counter(error.partition(":")[0] for error in rows["_error"].drop_nulls())
