"""Objects of a chain with quarantined records among their rows, as the consumer writes them with a small limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingest.batch import Batch
from ingest.decode import Decoder
from ingest.objects import ChainId, Encoder
from ingest.records import OffsetRange, Partition, Records

if TYPE_CHECKING:
    from ingest.chain import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SMALL, LARGE = 100, 1 << 20  #: the limit that objects were written with, in bytes, and one to decode them again


def event(number: int, size: int = 0) -> bytes:
    """An event; of more than `SMALL` bytes with a size of at least as many."""
    padding = b',"x":"%s"' % (b"y" * size) if size else b""
    return b'{"event_id":"e%d","event_type":"t","timestamp":0,"learner_id":"l"%s}' % (number, padding)


#: One value for each way to be quarantined under a limit of `SMALL` bytes, and two events.
VALUES: list[bytes | None] = [
    event(0),
    event(1, SMALL),
    None,
    b"",
    b"\xff\x00",
    b"{",
    b"[]",
    b'{"event_id":"e"}',
    event(8),
    b'{"event_id":7}',
]
REASONS = {
    "too_large": 1,
    "empty": 2,
    "not_utf8": 1,
    "not_json": 1,
    "not_object": 1,
    "missing:event_type": 1,
    "wrong_type:event_id": 1,
}


def put(
    store: Store,
    start: int = 0,
    values: Sequence[bytes | None] = VALUES,
    partition: int = 0,
    at: datetime = NOON,
    topic: str = "t",
) -> str:
    """An object of a chain as the consumer writes it with a limit of `SMALL` bytes; its key."""
    offsets = list(range(start, start + len(values)))
    found = Records(offsets, [1_000 * offset for offset in offsets], list(values), 1)
    rows = Decoder(Partition(topic, partition), "id", SMALL)(found, at)
    made = Encoder("1", "w")(ChainId(topic, "id", partition), Batch(OffsetRange(start, offsets[-1] + 1), rows))
    assert store.put_if_absent(made.key, made.body, made.metadata.to_text())
    return made.key
