"""Generated histories of learner events, with everything that makes an order of arrival matter.

The gaps between events lie on both sides of every limit of the session rules, so that an event that comes late joins,
splits or moves sessions; ids are used again for other contents, at other learners; clocks are off.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from random import Random

from tests.dbt.running import Row

_START = datetime(2025, 9, 5, 21, 0)
_GAPS = (0, 0.000001, 5, 30, 59.999999, 60, 61, 299, 300, 301, 1799, 1800, 1800.000001, 3600, 14400, 14401, 50000)
_TYPES = ("page_view", "lesson_started", "lesson_complete", "heartbeat", "assessment_submitted", "item_answered",
          "interaction", "error", "session_end", "something_new")  # fmt: skip
_OVERLAP_SECONDS = 3600


def history(random: Random, events: int = 70) -> list[Row]:
    """Raw rows in the order of their offsets, without the loader's columns."""
    learners = [(tenant, learner) for tenant in ("default", "other") for learner in ("ada", "bo")]
    clocks = dict.fromkeys(learners, _START)
    rows: list[Row] = []
    for number in range(events):
        who = random.choice(learners)
        clocks[who] += timedelta(seconds=random.choice(_GAPS))
        rows.append(_record(random, f"e{number}", who, clocks[who]))
        if random.random() < 0.25:
            rows.append(_sent_again(random, rows[-1]))
        if random.random() < 0.12:
            rows.append(_id_used_again(random, random.choice(rows), random.choice(learners)))
        if random.random() < 0.05:
            rows.append({"_error": "not_json", "_raw": b"{", "_kafka_timestamp": clocks[who]})
    for offset, row in enumerate(rows):
        row |= {"_topic": "events_raw", "_topic_id": random.choice("ab"), "_partition": 0, "_offset": offset}
        row |= {"_ingested_at": row["_kafka_timestamp"]}
    return rows


def loads(random: Random, records: list[Row], count: int) -> list[list[Row]]:
    """The records in any order, cut into loads: some are loaded twice, some loads share a time or commit late."""
    arrivals = records + random.sample(records, len(records) // 8)
    random.shuffle(arrivals)
    cuts = sorted(random.sample(range(1, len(arrivals)), count - 1))
    newest = datetime(2025, 10, 1)
    result = []
    for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(arrivals)], strict=True)):
        loaded_at = newest + timedelta(seconds=random.choice((0, -_OVERLAP_SECONDS, -1800, 7200, 90000)))
        newest = max(newest, loaded_at)
        rows = enumerate(arrivals[begin:end])
        result.append([row | {"_file": f"f{number}", "_file_row": i, "_loaded_at": loaded_at} for i, row in rows])
    return result


def _record(random: Random, event_id: str, who: tuple[str, str], at: datetime) -> Row:
    clock_error = timedelta(seconds=random.choice((0, 0, 0, 0, 30, 61, -10800, 10800)))
    received = at + timedelta(seconds=random.choice((0, 1, 40, 3600)))
    payload = {"lesson_id": f"l{random.randrange(3)}", "score": random.randrange(120), "max_score": 100}
    return {
        "event_id": event_id,
        "event_type": random.choice(_TYPES),
        "occurred_at": at + clock_error,
        "tenant_id": who[0],
        "learner_id": who[1],
        "session_id": random.choice((None, None, "s1", "s2", "")),
        "sent_at": received + clock_error if random.random() < 0.5 else None,
        "published_at": received if random.random() < 0.7 else None,
        "schema_version": "1.0",
        "data": json.dumps(payload | ({"attempt": random.randrange(3)} if random.random() < 0.5 else {})),
        "metadata": "{}",
        "_kafka_timestamp": received + timedelta(seconds=random.choice((0, 1))),
    }


def _sent_again(random: Random, row: Row) -> Row:
    """The same event in another record, received earlier or later."""
    if row.get("event_id") is None:
        return dict(row)
    delay = timedelta(seconds=random.choice((-7200, -1, 0, 1, 7200)))
    return row | {"published_at": row["_kafka_timestamp"] + delay}


def _id_used_again(random: Random, row: Row, who: tuple[str, str]) -> Row:
    """Another event, perhaps of another learner of the tenant and at another time, under an id that is taken."""
    if row.get("event_id") is None:
        return dict(row)
    at = row["occurred_at"] + timedelta(seconds=random.choice((-20000, -1000, 0, 1000, 20000)))
    return _record(random, row["event_id"], (row["tenant_id"], who[1]), at)
