"""What an incremental dbt run costs beside a full refresh, and what the cost follows: what arrived, or history.

One run on one warehouse, DuckDB in a file: visits of learners over 60 days are made in SQL, the whole project is
built, then a new day arrives for 1 %, 10 % and 100 % of the learners, one after the other, each built incrementally.

    python benchmarks/dbt_increments.py --events 5000000
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

PROJECT = Path(__file__).parents[1] / "dbt_project"
sys.path.insert(0, str(PROJECT.parent))

from benchmarks.processes import Cost, measured
from benchmarks.tables import listed
from ingest.tables import RAW_COLUMNS

DBT = str(Path(sys.executable).parent / "dbt")
COLUMNS = {
    "history": "events",
    "what": "built",
    "arrived": "new events",
    "seconds": "s",
    "of_refresh": "of a refresh",
    "rate": "rows/s",
    "models": "models, s",
    "tests": "tests, s",
    "cpu_seconds": "CPU s",
    "peak_mb": "peak MB",
}
MEMORY = "8GB"  # what DuckDB may take; beyond it, it spills to disk
PROFILE = f"""
learner_analytics:
  target: local
  outputs:
    local:
      type: duckdb
      path: "{{{{ env_var('DUCKDB_PATH') }}}}"
      threads: 2
      settings: {{memory_limit: {MEMORY}}}
"""
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
    with tempfile.TemporaryDirectory(prefix="bench_") as folder:
        print(listed(list(increments(options.events, options.keep or Path(folder))), COLUMNS, left=2))


def increments(events: int, folder: Path) -> Iterator[dict[str, Any]]:
    """A line for the full refresh, and one for each day that arrives after it. `dbt build`, its start included."""
    path = folder / "warehouse.duckdb"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profiles.yml").write_text(PROFILE)
    learners = events // (EVENTS_A_VISIT * VISITS_A_LEARNER)
    make_history(path, learners)
    dbt(path, "seed")  # dbt's own parse, which it keeps
    history = rows = count(path)
    whole = dbt(path, "build", "--full-refresh")
    yield _line(history, "all, anew", rows, whole, whole) | nodes(folder)
    for number, share in enumerate(SHARES):
        add_day(path, learners, share, number)
        arrived, rows = count(path) - rows, count(path)
        cost = dbt(path, "build")
        yield _line(history, f"a day of {share:.0%} of the learners", arrived, cost, whole) | nodes(folder)


def nodes(folder: Path) -> dict[str, float]:
    """Seconds that the last run's models took, and its tests, each summed over dbt's threads."""
    found: Counter[str] = Counter()
    for node in json.loads((folder / "target/run_results.json").read_text())["results"]:
        kind = node["unique_id"].partition(".")[0]
        found["tests" if kind in ("test", "unit_test") else "models"] += node["execution_time"]
    return {kind: round(found[kind], 1) for kind in ("models", "tests")}


def _line(history: int, what: str, arrived: int, cost: Cost, whole: Cost) -> dict[str, Any]:
    return {
        "history": history,
        "what": what,
        "arrived": arrived,
        "seconds": round(cost.seconds, 1),
        "of_refresh": f"{cost.seconds / whole.seconds:.2f}",
        "rate": round(arrived / cost.seconds),
        "cpu_seconds": round(cost.cpu_seconds, 1),
        "peak_mb": round(cost.peak_bytes / 1e6),
    }


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


def dbt(path: Path, *arguments: str) -> Cost:
    """Run dbt's command line on this warehouse, and take what it costs."""
    places = {
        "project-dir": PROJECT,
        "profiles-dir": path.parent,
        "target-path": path.parent / "target",
        "log-path": path.parent / "logs",
    }
    words = [word for name, place in places.items() for word in (f"--{name}", str(place))]
    command = [DBT, *arguments, *words, "--quiet", "--log-level-file", "none"]
    cost = measured(command, os.environ | {"DUCKDB_PATH": str(path)}, path.parent)
    if cost.code:
        raise RuntimeError(
            f"dbt {' '.join(arguments)} failed with exit code {cost.code}: {(cost.out + cost.err)[-2000:]}"
        )
    return cost


if __name__ == "__main__":
    main()
