"""Records of another standard → records for the topic: mapped, or rejected and kept as they came.

Every record ends in one of the two: what goes in comes out. A rejected one is forwarded as it is, for the consumer
to quarantine, unless somebody else keeps it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ingest import caliper, xapi
from ingest.documents import Batch, Piece
from ingest.envelope import examine
from ingest.members import UNREADABLE, Entity, read
from ingest.produce import key_of
from ingest.translation import Refusal, Translation, record_of

Record = tuple[bytes | None, bytes]


class Standard(NamedTuple):
    """How a standard sends several records at once, and what becomes of one of them."""

    batch: Batch
    translate: Callable[[Entity, bytes, Entity], Translation | Refusal]


STANDARDS: Final[Mapping[str, Standard]] = {
    "xapi": Standard(Batch("statements", frozenset(("more",)), "more"), xapi.translate),
    "caliper": Standard(Batch("data"), caliper.translate),
}


class Rejected(NamedTuple):
    """A record that becomes no event: where it stands, why, and its bytes. The reason names no value of it."""

    place: str
    reason: str
    value: bytes


@dataclass(slots=True)
class Tally:
    """How many records became events, and how many did not, by reason."""

    mapped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def bridge(
    pieces: Iterable[Piece],
    standard: Standard,
    tally: Tally,
    on_reject: Callable[[Rejected], None],
    *,
    forward: bool,
) -> Iterator[Record]:
    """Yield (key, value) for every piece that can be mapped; with `forward`, as it is, for every other too."""
    for piece in pieces:
        outcome = mapped(piece, standard)
        if not isinstance(outcome, str):
            tally.mapped += 1
            yield outcome
            continue
        tally.rejected[str(outcome)] += 1
        value = piece.whole()
        on_reject(Rejected(piece.place, str(outcome), value))
        if forward:
            yield key_of(value), value


def mapped(piece: Piece, standard: Standard) -> Record | str:
    """Key and value of the event, or why there is none: the last word has who judges records for the consumer."""
    try:
        record = read(piece.value)
        around = {name: read(value) for name, value in piece.around.items()}
    except UNREADABLE:
        return Refusal.NOT_JSON
    if not isinstance(record, dict):
        return Refusal.NOT_OBJECT
    outcome = standard.translate(record, piece.value, around)
    if isinstance(outcome, Refusal):
        return outcome
    key, value = record_of(outcome)
    verdict = examine(value)
    return verdict if isinstance(verdict, str) else (key, value)
