"""What verification can find: each kind has a stable name, and says what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.objects import ChainId
    from ingest.records import OffsetRange


class Kind(StrEnum):
    """What is wrong. The names are kept: programs read them."""

    # of the chain
    GAP = "gap"
    OVERLAP = "overlap"
    OBJECT_MISSING = "object_missing"
    OBJECT_MOVED = "object_moved"
    OBJECT_DAMAGED = "object_damaged"
    OBJECT_CHANGED = "object_changed"
    OBJECT_FOREIGN = "object_foreign"
    COUNT_WRONG = "count_wrong"
    BYTES_CHANGED = "bytes_changed"
    ROWS_CONTRADICT = "rows_contradict"
    # between the chain and the load history
    NOT_LOADED = "not_loaded"
    LOAD_FAILED = "load_failed"
    HISTORY_WITHOUT_OBJECT = "history_without_object"
    # between the history and the raw rows
    ROWS_WITHOUT_HISTORY = "rows_without_history"
    ROWS_MISSING = "rows_missing"
    ROWS_DOUBLED = "rows_doubled"
    ROWS_ASTRAY = "rows_astray"
    # between the broker and the chain
    BEYOND_BROKER_END = "beyond_broker_end"
    DELETED_UNREAD = "deleted_unread"
    UNREAD = "unread"


_PUT_BACK: Final = "Put the object back, from a version of the bucket or a backup"
_LOAD_ANEW: Final = "Move the warehouse away and run `ingest load`: it fills a new one from the store."

#: What to do about each.
REMEDIES: Final[Mapping[Kind, str]] = {
    Kind.GAP: f"{_PUT_BACK}. Look for who deletes objects: a lifecycle rule, a job, a person. Before the first "
    "object of a chain it may have been retention, though nothing shows it: see `ingest retention audit`, and verify "
    "with the warehouse that they were loaded into.",
    Kind.OVERLAP: "Two writers had different chains: look for a copied object, or a store that overwrites. "
    "Staging keeps one row of each record, so models are right; put the object away that has the wrong name.",
    Kind.OBJECT_MISSING: f"{_PUT_BACK}, before a consumer writes its slot anew. If very many are missing: is "
    "--store where they were loaded from?",
    Kind.OBJECT_MOVED: "Put it back where its metadata says, or put the copy away.",
    Kind.OBJECT_DAMAGED: f"{_PUT_BACK}; `ingest verify --deep` tells which bytes can be trusted.",
    Kind.OBJECT_CHANGED: "Its rows were loaded before it was changed. If a consumer wrote the slot anew after the "
    f"object had been deleted, keep the new one, which may hold more records: {_LOAD_ANEW} If it was changed "
    "by hand, put it back, from a version of the bucket or a backup.",
    Kind.OBJECT_FOREIGN: "Put it away: the consumer would take it for the end of the chain, and stop.",
    Kind.COUNT_WRONG: "Run `ingest verify --deep` to see which of the two is right. " + _LOAD_ANEW,
    Kind.BYTES_CHANGED: f"{_PUT_BACK}; `ingest load` refuses it as it is.",
    Kind.ROWS_CONTRADICT: "Nothing of ours writes such an object: look for who did, and put it away.",
    Kind.NOT_LOADED: "Run `ingest load`.",
    Kind.LOAD_FAILED: "Mend what the error says, then run `ingest load`: it tries the object again.",
    Kind.HISTORY_WITHOUT_OBJECT: "Was it loaded from another store? Give --store as for `ingest load`; else "
    "delete the line from raw.load_history.",
    Kind.ROWS_WITHOUT_HISTORY: "Nothing of ours writes them: delete them before the next `ingest load`, which "
    f"loads their objects. Or: {_LOAD_ANEW}",
    Kind.ROWS_MISSING: _LOAD_ANEW,
    Kind.ROWS_DOUBLED: "Staging keeps one row of each record, so models are right. " + _LOAD_ANEW,
    Kind.ROWS_ASTRAY: _LOAD_ANEW,
    Kind.BEYOND_BROKER_END: "The broker lost records that are stored, or the topic was made again under the same "
    "generation: set KAFKA_TOPIC_GENERATION, or another prefix, before the consumer starts.",
    Kind.DELETED_UNREAD: "Raise the topic's retention. The consumer goes on behind them and puts the range on "
    "record; a consumer that holds them in memory stores them yet.",
    Kind.UNREAD: "Run `ingest consume`, once objects that are missing are back.",
}


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that is wrong: what it is, in words, and where: a chain, offsets of it, an object's key."""

    kind: Kind
    what: str
    chain: ChainId | None = None
    offsets: OffsetRange | None = None
    key: str | None = None

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.kind]

    def to_json(self) -> dict[str, Any]:
        """As an object of JSON; what is not known is null."""
        where = (self.chain.topic, self.chain.topic_id, self.chain.partition) if self.chain else (None,) * 3
        offsets = (None, None) if self.offsets is None else (self.offsets.start, self.offsets.next)
        names = ("kind", "what", "topic", "topic_id", "partition", "start", "next", "key", "remedy")
        return dict(zip(names, (self.kind.value, self.what, *where, *offsets, self.key, self.remedy), strict=True))
