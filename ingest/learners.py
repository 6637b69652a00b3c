"""Synthetic learners: a topic's worth of events, and the truth about them, known by construction.

`generate(seed, records, options, truth)` yields `(key, value)` in producing order: the key is the learner's
id, the value what a client or the collector would send (docs/events.md), broken ones included. The same
seed, number and options give the same bytes on every machine. Nothing here reads a clock: time begins at
`Options.start_ms`, and records appear in the order in which a collector would receive them.

`Truth` counts while the records are made, from what the generator *meant*; the pipeline's own decode has no
part in it, so that the two can be compared.
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections import deque
from random import Random
from typing import TYPE_CHECKING

from ingest.behaviour import SECOND
from ingest.clients import encode, wrap
from ingest.faults import faults
from ingest.scenario import Options, Truth
from ingest.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.clients import Sent

KeyValue = tuple[bytes, bytes | None]


def generate(
    seed: int, records: int, options: Options | None = None, truth: Truth | None = None
) -> Iterator[KeyValue]:
    """Yield exactly `records` Kafka records as (key, value); `truth`, if given, is filled meanwhile."""
    truth = Truth() if truth is None else truth
    truth.seed = seed
    arrivals = _Arrivals(seed, records, options or Options(), truth)
    digest = hashlib.sha256()
    try:
        for key, value in itertools.islice(arrivals.records(), records):
            truth.records += 1
            digest.update(b"%d:%s%d:" % (len(key), key, -1 if value is None else len(value)))
            digest.update(value or b"")
            yield key, value
    finally:
        truth.checksum = digest.hexdigest()


class _Arrivals:
    """Records in the order of their receipt, each of one kind, and each counted."""

    def __init__(self, seed: int, records: int, options: Options, truth: Truth) -> None:
        self._options, self._truth = options, truth
        random = Random(seed)  # noqa: S311 - reproducible on purpose
        self._rand = random.random  # its sequence is the same in every Python; randrange's is not
        self._simulation = Simulation(random, max(1, records // 50), options)
        self._faults = faults(options.oversized_bytes)
        self._recent: deque[Sent] = deque(maxlen=512)
        self._seen: set[str] = set()

    def records(self) -> Iterator[KeyValue]:
        """Records without end, in the order of their receipt; the truth counts each before it is seen."""
        options, rand = self._options, self._rand
        conflicts = options.duplicates + options.conflicts
        malformed = conflicts + options.malformed
        while True:
            roll = rand()
            if roll < conflicts and self._recent:
                yield self._again() if roll < options.duplicates else self._contradict()
            elif conflicts <= roll < malformed:
                yield self._break(self._simulation.next())
            else:
                yield self._first(self._simulation.next())

    def _first(self, sent: Sent) -> KeyValue:
        """An event for the first time."""
        truth, event, tenant = self._truth, sent.event, sent.learner.tenant
        truth.distinct_events += 1
        truth.ids_checksum += zlib.crc32(f"{tenant}/{event['event_id']}".encode())
        if sent.kind:
            setattr(truth, sent.kind, getattr(truth, sent.kind) + 1)
        if self._new(sent.learner.name):
            truth.learners += 1
        if event.get("session_id") and self._new(event["session_id"]):
            truth.sessions += 1
        self._recent.append(sent)
        return self._valid(sent)

    def _again(self) -> KeyValue:
        """A recent event once more, as a producer's retry would send it."""
        sent = self._recent[int(self._rand() * len(self._recent))]
        self._truth.duplicates += 1
        return self._valid(sent._replace(published=sent.published + 5 * SECOND))

    def _contradict(self) -> KeyValue:
        """Other contents under the id of a recent event, which is not chosen again."""
        at = int(self._rand() * len(self._recent))
        sent = self._recent[at]
        del self._recent[at]
        self._truth.conflicts += 1
        name = "payload" if "payload" in sent.event else "data"
        changed = {**sent.event, name: {**sent.event[name], "revised": True}}
        return self._valid(sent._replace(event=changed, published=sent.published + 5 * SECOND))

    def _valid(self, sent: Sent) -> KeyValue:
        truth, kind = self._truth, sent.event["event_type"]
        truth.first_ms = min(truth.first_ms or sent.occurred, sent.occurred)
        truth.last_ms = max(truth.last_ms, sent.occurred)
        truth.valid += 1
        truth.types[kind] = truth.types.get(kind, 0) + 1
        truth.wrapped += sent.wrapped
        truth.without_session += not sent.event.get("session_id")
        return sent.learner.key, encode(wrap(sent))

    def _break(self, sent: Sent) -> KeyValue:
        """An event with one fault instead; the faults take turns."""
        malformed = self._truth.malformed
        error, fault = self._faults[sum(malformed.values()) % len(self._faults)]
        malformed[error] = malformed.get(error, 0) + 1
        wrapped = sent.wrapped or error.endswith(":published_at")
        return sent.learner.key, fault(sent.event, wrap(sent._replace(wrapped=wrapped)))

    def _new(self, name: str) -> bool:
        if name in self._seen:
            return False
        self._seen.add(name)
        return True
