"""One record of a learner event, and what producers, clocks and the pipeline make of it.

The gaps between events lie on both sides of every limit of the session rules, so that an event that comes late joins,
splits or moves sessions; ids are used again for other contents, at other learners; clocks are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tests.dbt.payloads import event_type, graded_anew, payload
from tests.dbt.running import Row

_GAPS = (0, 0.000001, 5, 30, 59.999999, 60, 61, 299, 300, 301, 1799, 1800, 1800.000001, 3600, 14400, 14401, 50000)
#: How a learner goes about it: anyhow, without a break, or with long ones, so that a session comes to last 12 hours.
_PACES = (_GAPS, _GAPS[:11], (0, 14400, 14400, 14400, 14400, 14400.000001))
_SESSIONS = (None, "s1", "s2", "")
_DAYS_30 = 30 * 86400
_DELAYS = (0, 1, 40, 3600)
_LONG_DELAYS = (_DAYS_30 - 1, _DAYS_30, _DAYS_30 + 0.000001, _DAYS_30 + 86400)
_CLOCK_ERRORS = ((0,), (0, 0, 30, 60, 60.000001, -61, -10800, 10800))
_LEADS = (299, 300, 300.000001, 86400, 4 * 365 * 86400)

#: Every reason there is, and the fields that it may name.
ERRORS = (
    *("empty", "not_utf8", "not_json", "not_object", "too_large", "missing:learner_id", "missing:timestamp"),
    *("wrong_type:data", "too_long:event_id", "bad_timestamp:timestamp", "bad_timestamp:published_at"),
)


@dataclass(frozen=True)
class Habit:
    """What one learner's events have in common."""

    gaps: Sequence[float]  #: the seconds from one event to the next
    session_id: str | None  #: of most events; the others are of another device
    zeal: int
    clock_errors: Sequence[float]  #: seconds that the learner's device may be off


def habit(random: Random) -> Habit:
    return Habit(
        random.choice(_PACES), random.choice(_SESSIONS), random.choice((0, 1, 2, 2)), random.choice(_CLOCK_ERRORS)
    )


def record(random: Random, event_id: str, who: tuple[str, str], at: datetime, like: Habit) -> Row:
    canonical, name = event_type(random, like.zeal)
    clock_error = timedelta(seconds=random.choice(like.clock_errors))
    received = at + timedelta(seconds=random.choice(_LONG_DELAYS if random.random() < 0.05 else _DELAYS))
    says = at + clock_error
    if random.random() < 0.04:
        says = received + timedelta(seconds=random.choice(_LEADS))
    broker = received + timedelta(seconds=random.choice((0, 1)))
    return {
        "event_id": event_id,
        "event_type": name,
        "occurred_at": says,
        "tenant_id": who[0],
        "learner_id": who[1],
        "session_id": like.session_id if random.random() < 0.8 else random.choice(_SESSIONS),
        "sent_at": received + clock_error if random.random() < 0.5 else None,
        "published_at": received if random.random() < 0.7 else None,
        "schema_version": "1.0",
        "data": payload(random, canonical),
        "metadata": "{}",
        "_kafka_timestamp": broker if random.random() < 0.97 else None,
        "_ingested_at": broker + timedelta(seconds=random.choice((0, 0.25, 3, 7200))),
    }


def consequences(random: Random, rows: list[Row], learners: list[tuple[str, str]]) -> list[Row]:
    """What may follow the newest of the events: itself again, a regrade, its id or another's taken again, rubbish."""
    newest = rows[-1]
    earlier = random.choice([row for row in rows if row.get("_error") is None])
    chances = (
        (0.2, lambda: _sent_again(random, newest)),
        (0.3, lambda: _regraded(random, newest)),
        (0.15, lambda: _id_used_again(random, earlier, random.choice(learners))),
        (0.1, lambda: _said_otherwise(random, earlier)),
        (0.08, lambda: _unreadable(random, newest)),
    )
    return [row for chance, make in chances if random.random() < chance and (row := make())]


def _sent_again(random: Random, row: Row) -> Row:
    """The same event in another record, received earlier or later."""
    delay = timedelta(seconds=random.choice((-7200, -1, 0, 1, 7200)))
    return row | {"published_at": row["_ingested_at"] + delay}


def _regraded(random: Random, row: Row) -> Row | None:
    """Another event with another result of the same attempt, its time later or earlier."""
    data = graded_anew(random, row["data"])
    if data is None:
        return None
    after = timedelta(seconds=random.choice((-2000, -1, 0, 1, 90, 90000)))
    moved = {name: row[name] + after for name in ("occurred_at", "sent_at", "published_at") if row[name]}
    return row | moved | {"event_id": f"{row['event_id']}-regraded", "data": data}


def _id_used_again(random: Random, row: Row, who: tuple[str, str]) -> Row:
    """Another event, perhaps of another learner of the tenant and at another time, under an id that is taken."""
    at = row["occurred_at"] + timedelta(seconds=random.choice((-20000, -1000, 0, 1000, 20000)))
    return record(random, row["event_id"], (row["tenant_id"], who[1]), at, habit(random))


def _said_otherwise(random: Random, row: Row) -> Row:
    """The same event but for one thing that it says, received earlier or later."""
    canonical, name = event_type(random)
    other = random.choice((
        {"learner_id": "bo" if row["learner_id"] == "ada" else "ada"},
        {"occurred_at": row["occurred_at"] + timedelta(seconds=random.choice((-40, 1, 2000)))},
        {"data": payload(random, canonical)},
        {"event_type": name},
        {"session_id": random.choice(_SESSIONS)},
        {"metadata": '{"app": "2"}'},
    ))  # fmt: skip
    return _sent_again(random, row) | other


def _unreadable(random: Random, row: Row) -> Row:
    """A neighbour of the row that is no event."""
    error = random.choice(ERRORS)
    raw = None if error == "empty" else b'{"half": \xff'
    return {"_error": error, "_raw": raw} | {name: row[name] for name in ("_kafka_timestamp", "_ingested_at")}


def quarantined(row: Row, error: str) -> Row:
    """The same record, as it came while nobody could read it."""
    kept = {name: value for name, value in row.items() if name.startswith("_")}
    return kept | {"_error": error, "_raw": row["data"].encode()}
