"""How clients and the collector write an event: names old and new, clocks right and wrong, at once or late.

What a device knows better than the collector (late, skewed clocks, `sent_at`) is always wrapped, so
`published_at` tells the receive time whenever the records are really produced.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ingest.behaviour import DAY, HOUR, MINUTE, SYNONYMS, Event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from ingest.behaviour import Learner, Step
    from ingest.scenario import Options

encode: Final = msgspec.json.Encoder().encode

#: What the schema calls these fields, and their older names.
NAMES: Final = ("timestamp", "data", "metadata", "version")
ALIASES: Final = ("occurred_at", "payload", "context", "schema_version")
_ZONES: Final = ((0, "Z"), (0, "Z"), (0, "Z"), (0, "+00:00"), (2, "+02:00"), (-5, "-05:00"), (0, ""))
_EPOCH: Final = datetime(1970, 1, 1)  # UTC by convention; offsets are written as text
_DEVICES: Final = (
    {"device": "tablet", "os": "iPadOS 18.5", "app": "classroom/7.2.1", "locale": "en-US"},
    {"device": "laptop", "browser": "Firefox 143", "locale": "fr-FR", "screen": "1440x900"},
    {"device": "chromebook", "browser": "Chrome 140", "locale": "de-DE", "school": "Ærø Skole"},
    {"device": "phone", "os": "Android 16", "app": "classroom/7.1.0", "locale": "ja-JP"},
)


class Device(NamedTuple):
    """Where a visit takes place: what stays the same for all its events."""

    metadata: msgspec.Raw
    session: Event  #: the `session_id` member, or nothing
    skew: int  #: what its clock is ahead, in milliseconds


class Sent(NamedTuple):
    """An event on its way, with what the truth has to know of it. Times in epoch milliseconds."""

    learner: Learner
    event: Event
    occurred: int
    published: int
    wrapped: bool
    kind: str = ""  #: the field of `Truth` that counts it: late_days, out_of_order …


class Clients:
    """All that learners work with. `numbers` are for event ids, and never come twice."""

    def __init__(self, random: Random, numbers: Iterator[int], options: Options) -> None:
        self._random, self._numbers, self._options = random, numbers, options
        self._rand = random.random

    def device(self) -> Device:
        """Where the next visit takes place."""
        options, rand = self._options, self._rand
        session: Event = {"session_id": f"session-{self._random.getrandbits(48):012x}"}
        if rand() < options.no_session:
            session = ({}, {"session_id": None}, {"session_id": ""})[int(rand() * 3)]
        skew = int((1 + 5 * rand()) * HOUR) * (1 if rand() < 0.5 else -1) if rand() < options.skewed else 0
        return Device(msgspec.Raw(encode(_DEVICES[int(rand() * 4)])), session, skew)

    def send(self, learner: Learner, device: Device, now: int, step: Step) -> Sent:
        """The event of one step taken at `now`, on its way."""
        options, rand, skew = self._options, self._rand, device.skew
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
        event = self._event(learner, device, occurred, step)
        if skew or (wrapped and rand() < options.sent_at):
            event["sent_at"] = self._time(published - int(500 * rand()) + skew)
        return Sent(learner, event, occurred, published, wrapped, kind)

    def _event(self, learner: Learner, device: Device, occurred: int, step: Step) -> Event:
        options, rand = self._options, self._rand
        kind, data, _ = step
        older = SYNONYMS[kind] if rand() < options.synonyms else ()
        names = ALIASES if rand() < options.aliases else NAMES
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


def wrap(sent: Sent) -> Event:
    """The whole that is sent: the event itself, or the collector's wrapper around it."""
    if not sent.wrapped:
        return sent.event
    local = _EPOCH + timedelta(milliseconds=sent.published)
    text = local.isoformat(timespec="milliseconds") + "Z"
    batch = f"batch-{sent.published // MINUTE:x}"
    return {"event": sent.event, "batch_id": batch, "published_at": text, "producer_id": "collector-1"}
