"""Synthetic learners: a topic's worth of events, and the truth about them, known by construction.

`generate(seed, records, options, truth)` yields `(key, value)` in producing order: the key is the learner's
id, the value what a client or the collector would send (docs/events.md), broken ones included. The same
seed, number and options give the same bytes on every machine. Nothing here reads a clock: time begins at
`Options.start_ms`.

`Truth` counts while the records are made, from what the generator *meant*; the pipeline's own decode has no
part in it, so that the two can be compared.

Sessions run in simulated time: learners start, view pages, work through lessons and assessments, leave, come
back hours later. Records appear in the order in which a collector would receive them. What a device knows
better than the collector (late, skewed clocks, `sent_at`) is always wrapped, so `published_at` tells the
receive time whenever the records are really produced.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
import zlib
from collections import deque
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec

from ingest.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Event = dict[str, Any]
KeyValue = tuple[bytes, bytes | None]
_encode: Final = msgspec.json.Encoder().encode

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_EPOCH: Final = datetime(1970, 1, 1)  # UTC by convention; offsets are written as text

#: Canonical event types and what older clients call them.
SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "page_view": ("page_viewed",),
    "interaction": ("lesson_paused", "lesson_resumed"),
    "lesson_start": ("lesson_started",),
    "lesson_complete": ("lesson_completed",),
    "assessment_start": ("assessment_started",),
    "assessment_complete": ("assessment_completed", "assessment_submitted"),
    "item_answered": ("item_submitted",),
    "mastery_updated": ("progress_updated",),
    "resource_access": ("resource_accessed",),
    "session_start": (),
    "session_end": (),
    "heartbeat": (),
    "error": (),
    "custom": ("badge_earned", "note_taken", "forum_posted"),
}
CANONICAL: Final = {sent: name for name, older in SYNONYMS.items() for sent in (name, *older)}
_DEVICES: Final = (
    {"device": "tablet", "os": "iPadOS 18.5", "app": "classroom/7.2.1", "locale": "en-US"},
    {"device": "laptop", "browser": "Firefox 143", "locale": "fr-FR", "screen": "1440x900"},
    {"device": "chromebook", "browser": "Chrome 140", "locale": "de-DE", "school": "Ærø Skole"},
    {"device": "phone", "os": "Android 16", "app": "classroom/7.1.0", "locale": "ja-JP"},
)
_TITLES: Final = ("Fractions as parts of a whole", "Áreas y perímetros", "光合成のしくみ", "The water cycle")


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


def generate(
    seed: int, records: int, options: Options | None = None, truth: Truth | None = None
) -> Iterator[KeyValue]:
    """Yield exactly `records` Kafka records as (key, value); `truth`, if given, is filled meanwhile."""
    truth = Truth() if truth is None else truth
    truth.seed = seed
    simulation = _Simulation(seed, records, options or Options(), truth)
    digest = hashlib.sha256()
    try:
        for key, value in itertools.islice(simulation.records(), records):
            truth.records += 1
            digest.update(b"%d:%s%d:" % (len(key), key, -1 if value is None else len(value)))
            digest.update(value or b"")
            yield key, value
    finally:
        truth.checksum = digest.hexdigest()


# --- what learners do -----------------------------------------------------------------------------

#: One thing a learner does: its canonical type, its payload, and the milliseconds until the next.
Step = tuple[str, Event, int]


def _visit(rand: Callable[[], float], ability: float) -> Iterator[Step]:
    """What one learner does from arriving to leaving, about 25 events."""
    yield "session_start", {}, _between(rand, 1, 5)
    while rand() < 0.8:
        page = f"page-{int(rand() * 400):03d}"
        yield "page_view", {"page_id": page, "referrer": "/courses/overview"}, _between(rand, 5, 90)
        roll = rand()
        activity = _lesson if roll < 0.45 else _assessment if roll < 0.75 else _browsing
        yield from activity(rand, ability)
    if rand() < 0.7:
        yield "session_end", {"reason": "logout" if rand() < 0.8 else "closed"}, 0


def _lesson(rand: Callable[[], float], ability: float) -> Iterator[Step]:
    number = int(rand() * 250)
    lesson = f"lesson-{number:03d}"
    yield "lesson_start", {"lesson_id": lesson, "title": _TITLES[number % 4]}, _between(rand, 20, 200)
    spent = 0
    while rand() < 0.6:
        element = {"element": f"video-{int(rand() * 9)}", "content_id": lesson, "page": f"page-{number}"}
        wait = _between(rand, 10, 240)
        spent += wait // SECOND
        yield "interaction", element, wait
    if rand() < 0.3:
        yield "heartbeat", {"interval_seconds": 60}, MINUTE
    if rand() < 0.75:
        done = {"lesson_id": lesson, "completion_rate": round(0.6 + 0.4 * rand(), 2), "time_spent": spent}
        yield "lesson_complete", done, _between(rand, 2, 40)
        if rand() < 0.3:
            yield "mastery_updated", _mastery(rand, f"skill-{number % 40:02d}", ability), _between(rand, 1, 20)


def _assessment(rand: Callable[[], float], ability: float) -> Iterator[Step]:
    number, attempt = int(rand() * 80), 1 + int(rand() * 2)
    which = {"assessment_id": f"assessment-{number:02d}", "attempt": attempt}
    skill, right, items = f"skill-{number % 40:02d}", 0, 3 + int(rand() * 6)
    yield "assessment_start", {**which, "title": _TITLES[number % 4]}, _between(rand, 5, 40)
    for item in range(items):
        correct = rand() < ability
        right += correct
        answer = {"item_id": f"item-{number:02d}-{item}", "correct": correct, "skill_id": skill, **which}
        yield "item_answered", answer, _between(rand, 8, 120)
    score = {"score": right, "max_score": items} if rand() < 0.7 else {"score": round(100 * right / items)}
    took = {"duration_seconds": 40 + int(rand() * 900), "skill_id": skill}
    yield "assessment_complete", {**which, **score, **took}, _between(rand, 2, 60)
    if rand() < 0.5:
        yield "mastery_updated", _mastery(rand, skill, ability), _between(rand, 1, 20)


def _browsing(rand: Callable[[], float], _ability: float) -> Iterator[Step]:
    resource = f"resource-{int(rand() * 300):03d}"
    yield "resource_access", {"resource_id": resource, "kind": "pdf"}, _between(rand, 10, 300)
    if rand() < 0.2:
        yield "error", {"error_type": "network", "error_message": "timeout after 30 s"}, _between(rand, 1, 10)
    if rand() < 0.2:
        yield "custom", {"name": f"shelf-{int(rand() * 9)}"}, _between(rand, 1, 60)


def _mastery(rand: Callable[[], float], skill: str, ability: float) -> Event:
    before = round(ability * (0.6 + 0.3 * rand()), 3)
    after = round(min(1.0, before + 0.1 * rand()), 3)
    return {"skill_id": skill, "mastery_before": before, "mastery_after": after, "mastery_model": "bkt"}


def _between(rand: Callable[[], float], low: int, high: int) -> int:
    """A number of milliseconds between two numbers of seconds, mostly near the lower."""
    return int((low + (high - low) * rand() ** 2) * SECOND)


# --- what is sent ---------------------------------------------------------------------------------


class _Learner(NamedTuple):
    key: bytes
    name: str
    tenant: str
    ability: float


class _Device(NamedTuple):
    """Where a visit takes place: what stays the same for all its events."""

    metadata: msgspec.Raw
    session: Event  #: the `session_id` member, or nothing
    skew: int  #: what its clock is ahead, in milliseconds


class _Sent(NamedTuple):
    """An event on its way, with what the truth has to know of it. Times in epoch milliseconds."""

    learner: _Learner
    event: Event
    occurred: int
    published: int
    wrapped: bool
    kind: str = ""  #: the field of `Truth` that counts it: late_days, out_of_order …


class _Visitor(NamedTuple):
    learner: _Learner
    device: _Device
    steps: Iterator[Step]


class _Simulation:
    """Learners in simulated time: a queue of who does or sends what when."""

    def __init__(self, seed: int, records: int, options: Options, truth: Truth) -> None:
        self._options, self._truth = options, truth
        self._random = random.Random(seed)  # noqa: S311 - reproducible on purpose
        self._rand = self._random.random  # its sequence is the same in every Python; randrange's is not
        self._numbers = itertools.count()
        self._recent: deque[_Sent] = deque(maxlen=512)
        self._seen: set[str] = set()
        self._faults = faults(options.oversized_bytes)
        self._queue: list[tuple[int, int, _Visitor | _Sent]] = []
        for number in range(options.learners or max(1, records // 50)):
            self._arrive(self._learner(number), options.start_ms + int(self._rand() ** 2 * 8 * HOUR))

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
                yield self._break(self._next())
            else:
                yield self._first(self._next())

    def _learner(self, number: int) -> _Learner:
        name = f"learner-{number:06d}"
        tenant = number % self._options.tenants if self._options.tenants else 0
        return _Learner(name.encode(), name, f"district-{tenant}" if tenant else "default", 0.3 + 0.6 * self._rand())

    def _arrive(self, learner: _Learner, when: int) -> None:
        options, rand = self._options, self._rand
        session: Event = {"session_id": f"session-{self._random.getrandbits(48):012x}"}
        if rand() < options.no_session:
            session = ({}, {"session_id": None}, {"session_id": ""})[int(rand() * 3)]
        skew = int((1 + 5 * rand()) * HOUR) * (1 if rand() < 0.5 else -1) if rand() < options.skewed else 0
        device = _Device(msgspec.Raw(_encode(_DEVICES[int(rand() * 4)])), session, skew)
        self._push(when, _Visitor(learner, device, _visit(rand, learner.ability)))

    def _push(self, when: int, item: _Visitor | _Sent) -> None:
        heapq.heappush(self._queue, (when, next(self._numbers), item))

    def _next(self) -> _Sent:
        """Let time pass until the next event is received."""
        while True:
            now, _, item = heapq.heappop(self._queue)
            if isinstance(item, _Sent):
                return item
            step = next(item.steps, None)
            if step is None:
                self._arrive(item.learner, now + int((2 + 38 * self._rand()) * HOUR))
                continue
            self._push(now + step[2], item)
            sent = self._send(item, now, step)
            if sent.published < now + MINUTE:
                return sent
            self._push(sent.published, sent)

    def _send(self, visitor: _Visitor, now: int, step: Step) -> _Sent:
        options, rand, skew = self._options, self._rand, visitor.device.skew
        roll, occurred, published, kind = rand(), now, now + 50 + int(900 * rand()), ""
        if skew:
            occurred, kind = now + skew, "skewed"
        elif roll < options.out_of_order:
            published, kind = now + MINUTE + int(rand() * 14 * MINUTE), "out_of_order"
        elif roll < options.out_of_order + options.late / 2:
            published, kind = now + int((2 + 18 * rand()) * HOUR), "late_hours"
        elif roll < options.out_of_order + options.late:
            occurred, kind = now - int((31 + 30 * rand()) * DAY), "late_days"
        wrapped = bool(kind) or rand() < options.wrapped
        event = self._event(visitor, occurred, step)
        if skew or (wrapped and rand() < options.sent_at):
            event["sent_at"] = self._time(published - int(500 * rand()) + skew)
        return _Sent(visitor.learner, event, occurred, published, wrapped, kind)

    def _event(self, visitor: _Visitor, occurred: int, step: Step) -> Event:
        options, rand = self._options, self._rand
        kind, data, _ = step
        learner, device = visitor.learner, visitor.device
        older = SYNONYMS[kind] if rand() < options.synonyms else ()
        names = _ALIASES if rand() < options.aliases else _NAMES
        event: Event = {
            "event_id": f"{self._random.getrandbits(64):016x}-{next(self._numbers):08x}",
            "event_type": older[int(rand() * len(older))] if older else kind,
            names[0]: self._time(occurred),
            "learner_id": learner.name,
            **device.session,
            names[1]: data,
            names[2]: device.metadata,
            names[3]: "1.0" if rand() < 0.8 else 1.1,
        }
        if learner.tenant != "default":
            event["tenant_id"] = learner.tenant
        if rand() < options.extras:
            event["app_build"] = 7000 + int(rand() * 99)
        return event

    def _time(self, millis: int) -> str | int:
        if self._rand() < self._options.epoch_ms:
            return millis
        hours, zone = _ZONES[int(self._rand() * len(_ZONES))]
        local = _EPOCH + timedelta(milliseconds=millis + hours * HOUR)
        return local.isoformat(timespec="milliseconds") + zone

    # --- one record of each kind, counted

    def _first(self, sent: _Sent) -> KeyValue:
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

    def _valid(self, sent: _Sent) -> KeyValue:
        truth, kind = self._truth, sent.event["event_type"]
        truth.first_ms = min(truth.first_ms or sent.occurred, sent.occurred)
        truth.last_ms = max(truth.last_ms, sent.occurred)
        truth.valid += 1
        truth.types[kind] = truth.types.get(kind, 0) + 1
        truth.wrapped += sent.wrapped
        truth.without_session += not sent.event.get("session_id")
        return sent.learner.key, _encode(self._wrap(sent))

    def _break(self, sent: _Sent) -> KeyValue:
        """An event with one fault instead; the faults take turns."""
        malformed = self._truth.malformed
        error, fault = self._faults[sum(malformed.values()) % len(self._faults)]
        malformed[error] = malformed.get(error, 0) + 1
        wrapped = sent.wrapped or error.endswith(":published_at")
        return sent.learner.key, fault(sent.event, self._wrap(sent._replace(wrapped=wrapped)))

    def _wrap(self, sent: _Sent) -> Event:
        if not sent.wrapped:
            return sent.event
        local = _EPOCH + timedelta(milliseconds=sent.published)
        text = local.isoformat(timespec="milliseconds") + "Z"
        batch = f"batch-{sent.published // MINUTE:x}"
        return {"event": sent.event, "batch_id": batch, "published_at": text, "producer_id": "collector-1"}

    def _new(self, name: str) -> bool:
        if name in self._seen:
            return False
        self._seen.add(name)
        return True


_NAMES: Final = ("timestamp", "data", "metadata", "version")
_ALIASES: Final = ("occurred_at", "payload", "context", "schema_version")
_ZONES: Final = ((0, "Z"), (0, "Z"), (0, "Z"), (0, "+00:00"), (2, "+02:00"), (-5, "-05:00"), (0, ""))


# --- what is no event -----------------------------------------------------------------------------

#: Makes a broken value from a good event and the whole that it is part of (itself when bare).
Fault: TypeAlias = "Callable[[Event, Event], bytes | None]"


def faults(oversized_bytes: int = 0) -> list[tuple[str, Fault]]:
    """Every way to break a record, with the `_error` that it must get. Structure counts before times."""
    table: list[tuple[str, Fault]] = [
        ("empty", lambda _event, _whole: None),
        ("empty", lambda _event, _whole: b""),
        ("not_utf8", lambda _event, whole: _encode(whole)[:-1] + b',"note":"caf\xe9"}'),
        ("not_json", lambda _event, whole: _encode(whole)[:-9]),
        ("not_json", lambda _event, whole: _encode(whole) * 2),
        ("not_json", lambda _event, _whole: b"learner signed in"),
        ("not_object", lambda _event, whole: _encode([whole])),
        ("not_object", lambda _event, whole: _encode(_encode(whole).decode())),
        ("not_object", lambda _event, _whole: b"null"),
    ]
    for name in ("event_id", "event_type", "timestamp", "learner_id"):
        table += [(f"missing:{name}", _with(name, value)) for value in (_ABSENT, None, "")]
    for name, values in _WRONG.items():
        table += [(f"wrong_type:{name}", _with(name, value)) for value in values]
    table += [(f"too_long:{name}", _with(name, "x" * 256)) for name in ("event_id", "event_type", "learner_id")]
    for name in ("timestamp", "sent_at", "published_at"):
        table += [(f"bad_timestamp:{name}", _with(name, value)) for value in _NO_TIMES]
    if oversized_bytes:
        table.append(("too_large", lambda _event, whole: _encode(whole).ljust(oversized_bytes)))
    return table


_ABSENT: Final = object()
_WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "event_id": (42, ["e-1"]),
    "event_type": (True, {"name": "page_view"}),
    "timestamp": (False, {"ms": 1_757_030_400_000}),
    "learner_id": (1001,),
    "session_id": (7, {}),
    "tenant_id": (3,),
    "sent_at": ([], True),
    "data": ("lesson-1", [1, 2], 5),
    "metadata": ("tablet", []),
    "version": ({}, True),
    "published_at": (False, ["2025-09-05T10:00:00Z"]),
}
_NO_TIMES: Final = ("yesterday", "2025-13-45T10:00:00Z", "2025-09-05", "1757066400000")


def _with(name: str, value: object) -> Fault:
    """Set one field, or take it away, whatever name the event has it under."""

    def fault(event: Event, whole: Event) -> bytes:
        sent_as = name
        if name in _NAMES and name not in event:
            sent_as = _ALIASES[_NAMES.index(name)]
        holder = whole if name == "published_at" else event
        changed = {**holder, sent_as: value}
        if value is _ABSENT:
            del changed[sent_as]
        return _encode(changed if holder is whole else {**whole, "event": changed})

    return fault
