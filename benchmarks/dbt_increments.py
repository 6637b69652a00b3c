"""What an incremental dbt run costs beside a full refresh, and what the cost follows: what arrived, or history.

One run on one warehouse, DuckDB in a file: visits of learners over 60 days are made in SQL, the whole project is
built, then a new day arrives for 1 %, 10 % and 100 % of the learners, one after the other, each built incrementally.

    python benchmarks/dbt_increments.py --events 5000000
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

PROJECT = Path(__file__).parents[1] / "dbt_project"
sys.path.insert(0, str(PROJECT.parent))

from ingest.tables import RAW_COLUMNS

START = datetime(2026, 1, 1)
DAYS = 60
EVENTS_A_VISIT = 25
VISITS_A_LEARNER = 4
SHARES = (0.01, 0.1, 1.0)

#: Events of one visit for each chosen learner: `day` counts from START, `visit` numbers the visits of all learners.
VISITS = """
    insert into raw.raw_events
    with visits as (
        select
            learner,
            visit,
            {first_day} + (hash(learner, visit, 1) % {days})::int as day,
            (hash(learner, visit, 2) % 64800)::int as second_of_day
        from range({learners}) as learners(learner), range({first_visit}, {first_visit} + {visits}) as visits(visit)
        where hash(learner, 3) % 1000 < {share} * 1000
    ),

    events as (
        select
            *,
            step,
            hash(learner, visit, step) as dice,
            timestamp '{start}' + to_days(day)
            + to_seconds(second_of_day + step * 40 + (hash(learner, step) % 40)::int) as occurred_at
        from visits, range({steps}) as steps(step)
    ),

    typed as (
        select
            *,
            case
                when step = 0 then 'session_start'
                when step = {steps} - 1 then 'session_end'
                else [
                    'page_view', 'interaction', 'lesson_started', 'lesson_complete', 'item_answered', 'item_answered',
                    'assessment_complete', 'heartbeat', 'resource_access', 'mastery_updated'
                ][1 + (dice % 10)::int]
            end as event_type
        from events
    )

    select
        format('{{:x}}-{{}}', hash(learner, visit, step, 4), step),
        event_type,
        occurred_at,
        format('learner-{{:06d}}', learner),
        'default',
        case when hash(learner, visit, 5) % 10 > 0 then format('session-{{}}-{{}}', learner, visit) end,
        null,
        occurred_at + interval 1 second,
        '1.0',
        case event_type
            when 'page_view'
                then format('{{{{"page_id": "page-{{}}", "referrer": "/courses/overview"}}}}', dice % 400)
            when 'item_answered' then format(
                '{{{{"item_id": "item-{{}}", "correct": {{}}, "skill_id": "skill-{{}}", "attempt": 1}}}}',
                dice % 900, dice % 3 > 0, dice % 40)
            when 'assessment_complete' then format(
                '{{{{"assessment_id": "assessment-{{}}", "score": {{}}, "max_score": 100}}}}', dice % 80, dice % 101)
            when 'mastery_updated' then format(
                '{{{{"skill_id": "reported-{{}}", "mastery_after": 0.{{}}}}}}', dice % 40, 10 + dice % 90)
            when 'resource_access' then format('{{{{"resource_id": "resource-{{}}"}}}}', dice % 300)
            else format('{{{{"lesson_id": "lesson-{{}}", "title": "The water cycle"}}}}', dice % 250)
        end,
        '{{"device": "tablet", "os": "iPadOS 18.5", "app": "classroom/7.2.1"}}',
        'events_raw', 'bench', (learner % 16)::int,
        row_number() over (order by day, second_of_day, learner, visit, step) + {known},
        occurred_at + interval 1 second, occurred_at + interval 2 second, null, null,
        format('bench-{{}}', day), 0, timestamp '{loaded_at}' + to_days(({in_days} * day)::int)
    from typed
    order by day, second_of_day, learner, visit, step
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of history, about")
    parser.add_argument("--keep", type=Path, help="where the warehouse stays, for a look at it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (options.keep or Path(folder)) / "warehouse.duckdb"
        path.parent.mkdir(parents=True, exist_ok=True)
        learners = options.events // (EVENTS_A_VISIT * VISITS_A_LEARNER)
        make_history(path, learners)
        dbt(path, "seed")
        dbt(path, "run", "--select", "base_raw_events")  # dbt's own parse
        whole = timed(path, "--full-refresh")
        rows = count(path)
        print(f"{rows:,} events of {learners:,} learners: full refresh {whole:.1f} s")
        for number, share in enumerate(SHARES):
            add_day(path, learners, share, number)
            arrived = count(path) - rows
            rows += arrived
            took = timed(path)
            print(
                f"  a day of {share:.0%} of them, {arrived:,} events: {took:.1f} s, {took / whole:.3f} of a refresh"
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def make_history(path: Path, learners: int) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in RAW_COLUMNS.items())
    with duckdb.connect(str(path)) as db:
        db.execute("create schema raw")
        db.execute(f"create table raw.raw_events ({columns})")
    add(path, learners, 1.0, first_day=0, days=DAYS, first_visit=0, visits=VISITS_A_LEARNER, in_days=1)


def add_day(path: Path, learners: int, share: float, number: int) -> None:
    """A visit of each of that share of the learners, on one day after everything before."""
    add(path, learners, share, first_day=DAYS + number, days=1, first_visit=100 + number, visits=1, in_days=1)


def add(path: Path, learners: int, share: float, **places: int) -> None:
    loaded_at = START + timedelta(days=1)
    with duckdb.connect(str(path)) as db:
        known = db.execute("select count(*) from raw.raw_events").fetchone()[0]
        db.execute(
            VISITS.format(
                learners=learners,
                share=share,
                start=START,
                steps=EVENTS_A_VISIT,
                known=known,
                loaded_at=loaded_at,
                **places,
            )
        )


def count(path: Path) -> int:
    with duckdb.connect(str(path)) as db:
        return db.execute("select count(*) from raw.raw_events").fetchone()[0]


def timed(path: Path, *arguments: str) -> float:
    began = time.perf_counter()
    dbt(path, "run", *arguments)
    return time.perf_counter() - began


def dbt(path: Path, *arguments: str) -> None:
    from dbt.cli.main import dbtRunner

    os.environ["DUCKDB_PATH"] = str(path)
    places = [
        "--project-dir",
        str(PROJECT),
        "--profiles-dir",
        str(PROJECT),
        "--target-path",
        str(path.parent / "target"),
    ]
    result = dbtRunner().invoke(
        [*arguments, *places, "--log-path", str(path.parent / "logs"), "--quiet", "--log-level-file", "none"]
    )
    if not result.success:
        raise SystemExit(
            f"dbt failed: {result.exception or [r.message for r in result.result if r.status == 'error']}"
        )
    if os.environ.get("BENCH_MODELS"):
        for r in sorted(result.result.results, key=lambda r: -r.execution_time)[:12]:
            print(f"      {r.execution_time:6.2f} s {r.node.name}")


if __name__ == "__main__":
    main()
