"""Generated histories of learner events, with everything that makes an order of arrival matter.

What happens to one learner and to their records is in `happenings`, what events say in `payloads`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random

from tests.dbt.happenings import ERRORS, consequences, habit, quarantined, record
from tests.dbt.running import Row

_START = datetime(2025, 9, 5, 21, 0)
#: After everything was ingested, the latest of the late events too.
_FIRST_LOAD = datetime(2025, 11, 20)
_OVERLAP_SECONDS = 3600


def history(
    random: Random,
    events: int = 70,
    *,
    tenants: Sequence[str] = ("default", "other"),
    partition: int = 0,
    start: datetime = _START,
    recovered: float = 0.0,
) -> list[Row]:
    """Raw rows in the order of their offsets, without the loader's columns.

    `recovered` is the share of valid records of which there is, at the end, also the row from their time in
    quarantine: with it there are more rows than records.
    """
    learners = [(tenant, learner) for tenant in tenants for learner in ("ada", "bo")]
    clocks = dict.fromkeys(learners, start)
    habits = {who: habit(random) for who in learners}
    rows: list[Row] = []
    for number in range(events):
        [who] = random.choices(learners, [2**rank for rank in range(len(learners))])
        clocks[who] += timedelta(seconds=random.choice(habits[who].gaps))
        rows.append(record(random, f"e{number}", who, clocks[who], habits[who]))
        rows += consequences(random, rows, learners)
    _place(random, rows, partition)
    valid = [row for row in rows if row.get("_error") is None]
    return rows + [quarantined(row, random.choice(ERRORS)) for row in valid if random.random() < recovered]


def loads(random: Random, records: list[Row], count: int) -> list[list[Row]]:
    """The records in any order, cut into loads: some are loaded twice, some loads share a time or commit late."""
    return _loaded(_dealt(random, records, count), load_times(random, count), "f")


def many(seeds: Iterable[int], *, events: int = 40, count: int = 5, clock: int = 0) -> list[list[Row]]:
    """Loads of many histories side by side, one per seed, which have the times of loading in common and nothing else.

    The history of a seed has that number as `_partition` and in the names of its tenants (`h7-a`, `h7-b`), and is the
    same, loads and all, whichever others are beside it: `many([7])` shows a failure of history 7 alone.
    """
    times = load_times(Random(clock), count)  # noqa: S311 - histories, not secrets
    each = [_loads_of(seed, events, times) for seed in seeds]
    return [[row for rows in together for row in rows] for together in zip(*each, strict=True)]


def load_times(random: Random, count: int) -> list[datetime]:
    """When each of the loads began, in the order in which they are committed."""
    newest = _FIRST_LOAD
    times = []
    for _ in range(count):
        times.append(newest + timedelta(seconds=random.choice((0, -_OVERLAP_SECONDS, -1800, 7200, 90000))))
        newest = max(newest, times[-1])
    return times


def _loads_of(seed: int, events: int, times: list[datetime]) -> list[list[Row]]:
    random = Random(seed)  # noqa: S311
    records = history(random, events, tenants=(f"h{seed}-a", f"h{seed}-b"), partition=seed, recovered=0.1)
    return _loaded(_dealt(random, records, len(times)), times, f"h{seed}-f")


def _dealt(random: Random, records: list[Row], count: int) -> list[list[Row]]:
    arrivals = records + random.sample(records, len(records) // 8)
    random.shuffle(arrivals)
    cuts = sorted(random.sample(range(1, len(arrivals)), count - 1))
    return [arrivals[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(arrivals)], strict=True)]


def _loaded(pieces: list[list[Row]], times: list[datetime], prefix: str) -> list[list[Row]]:
    return [
        [row | {"_file": f"{prefix}{number}", "_file_row": i, "_loaded_at": at} for i, row in enumerate(rows)]
        for number, (rows, at) in enumerate(zip(pieces, times, strict=True))
    ]


def _place(random: Random, rows: list[Row], partition: int) -> None:
    """Each row its coordinates: two topics of one name, one made after the other, which both count from 0."""
    offsets: Counter[str] = Counter()
    for row in rows:
        topic_id = random.choice("ab")
        row |= {"_topic": "events_raw", "_topic_id": topic_id, "_partition": partition, "_offset": offsets[topic_id]}
        offsets[topic_id] += 1
