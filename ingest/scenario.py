"""What is asked of synthetic learners, and the truth about what came of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import msgspec

from ingest.behaviour import CANONICAL, SYNONYMS
from ingest.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Options:
    """What the records are like. Every float is a share of records (or of visits, where it says so), 0..1."""

    start_ms: int = 1_757_030_400_000  #: where time begins, in epoch milliseconds (2025-09-05T00:00Z)
    learners: int = 0  #: how many there are; 0: one for every 50 records
    tenants: int = 3  #: the first is `default`, which its events do not name
    wrapped: float = 0.5  #: in the collector's wrapper
    epoch_ms: float = 0.2  #: with a number for the time, not RFC 3339 text
    aliases: float = 0.1  #: with occurred_at, payload, context, schema_version
    synonyms: float = 0.3  #: with an older name of the event type
    extras: float = 0.02  #: with a field that the schema does not know
    sent_at: float = 0.3  #: of the wrapped ones: with the client's send time
    no_session: float = 0.1  #: visits without a session id (null, "" or no such field)
    out_of_order: float = 0.01  #: received one to fifteen minutes late
    late: float = 0.004  #: received late: half by hours, half by more than 30 days
    skewed: float = 0.01  #: visits on a device whose clock is hours off
    duplicates: float = 0.01  #: the same event sent again, as another record
    conflicts: float = 0.001  #: the same event id sent again with other contents
    malformed: float = 0.005  #: no valid events, by every reason in turn
    oversized_bytes: int = 0  #: 0: none; else records of this size, over the consumer's limit, are malformed too

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not (0 <= value <= 1 if isinstance(item.default, float) else value >= 0):
                raise SettingsError(f"{item.name} can't be {value}", "Shares are between 0 and 1.")
        if self.duplicates + self.conflicts + self.malformed >= 1:
            raise SettingsError("duplicates, conflicts and malformed leave no room", "Make them less than 1.")


class Truth(msgspec.Struct):
    """What was generated so far. Times are in epoch milliseconds; counts are of records unless named else."""

    seed: int = 0
    records: int = 0
    valid: int = 0
    malformed: dict[str, int] = msgspec.field(default_factory=dict)  #: by the exact text of `_error`
    duplicates: int = 0  #: valid, and the same event as a record before
    conflicts: int = 0  #: valid, of a known (tenant, event_id), with other contents; an id has one at most
    distinct_events: int = 0  #: different (tenant_id, event_id) of valid records
    learners: int = 0  #: different learners of valid records
    sessions: int = 0  #: different (tenant_id, learner_id, session_id) of valid records
    without_session: int = 0  #: valid, without a session id
    wrapped: int = 0  #: valid, in the collector's wrapper
    out_of_order: int = 0
    late_hours: int = 0
    late_days: int = 0  #: received more than 30 days late
    skewed: int = 0
    first_ms: int = 0  #: least and greatest occurred_at of the valid records
    last_ms: int = 0
    types: dict[str, int] = msgspec.field(default_factory=dict)  #: valid records by event type as sent
    ids_checksum: int = 0  #: sum of crc32("<tenant>/<event_id>") over the distinct events
    checksum: str = ""  #: SHA-256 of all keys and values in order, when generation has ended

    def canonical_types(self) -> dict[str, int]:
        """Valid records by canonical event type, older names counted with it."""
        counts = dict.fromkeys(SYNONYMS, 0)
        for sent, count in self.types.items():
            counts[CANONICAL[sent]] += count
        return counts

    def to_json(self) -> bytes:
        """The truth as an indented JSON document."""
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"
