"""The flagship: whatever the order of arrival, and however cut into loads, the tables are those of a full refresh,
and both are those of a reference in plain Python.

`python -m tests.dbt HISTORIES` compares as many as one likes; a failing history is named by its seed.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.dbt.comparing import against_a_full_refresh, against_the_reference, compared, in_portions, unknown_columns
from tests.dbt.histories import many
from tests.dbt.projects import change, copied
from tests.dbt.reference.tables import tables
from tests.dbt.running import Warehouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")

#: Vars that change what belongs together, for some of the histories.
OTHERWISE = {
    "session_gap_seconds": 300,
    "explicit_session_max_gap_seconds": 3600,
    "active_gap_cap_seconds": 90,
    "reporting_timezone": "Australia/Adelaide",
    "mastery_decay": 0.95,
    "mastery_prior": 0.2,
    "mastery_prior_weight": 3,
    "min_cohort_size": 2,
}


@pytest.mark.parametrize("first", [0, 25])
def test_any_order_of_arrival_gives_the_tables_of_a_full_refresh_and_of_the_reference(
    first: int, tmp_path: Path
) -> None:
    assert not compared(tmp_path, range(first, first + 25))


def test_whatever_the_vars(tmp_path: Path) -> None:
    assert not compared(tmp_path, range(1000, 1015), **OTHERWISE)


def test_a_column_that_the_reference_has_not_is_named(tmp_path: Path) -> None:
    """Or a new figure would be held against nothing, and all would be well."""
    warehouse = Warehouse(tmp_path)
    warehouse.rows("create schema analytics")
    warehouse.rows("create table analytics.content_performance (learners int, best_score int, _loaded_at timestamp)")
    warehouse.rows("create table analytics.session_metrics (errors int, is_active boolean, mood varchar)")
    assert list(unknown_columns(warehouse, tables([]))) == [
        "content_performance: best_score is not in the reference: add it in tests/dbt/reference",
        "session_metrics: mood is not in the reference: add it in tests/dbt/reference",
    ]


#: Changes that look right and are not, each with the tables that show it.
FAULTS = {
    "what is new is told by event time": (
        "models/intermediate/int_learner_stretches.sql",
        "{{ is_new('_touched_at') }}",
        "{{ 'event_at >= (select max(ends_at) from ' ~ this ~ ')' if is_incremental() else 'true' }}",
    ),
    "a stretch forgets the record that was kept before": (
        "models/intermediate/int_learner_stretches.sql",
        "record_status <> 'quarantined'",
        "record_status = 'event'",
    ),
    "a load that commits late is not looked for": (
        "macros/incremental.sql",
        "-var('load_overlap_seconds')",
        "0",
    ),
    "rows are replaced by key, so that a joined session leaves its old rows": (
        "dbt_project.yml",
        "      minute_metrics:\n        +materialized: incremental\n        +incremental_strategy: rebuild_stretches",
        "      minute_metrics:\n        +materialized: incremental\n        +incremental_strategy: delete+insert\n"
        "        +unique_key: [session_key, minute_timestamp]",
    ),
    "another sending of an event touches nothing but itself": (
        "models/staging/stg_records.sql",
        "max(_loaded_at) over (partition by tenant_id, event_id)",
        "_loaded_at",
    ),
    "a target that lost its evidence keeps its rows": (
        "macros/incremental.sql",
        "{{ return(replace_touched(arg_dict, touched_keys(), condition)) }}",
        "{{ return(replace_touched(arg_dict, 'select ' ~ unique_keys() | join(', ') ~ ' from '"
        " ~ arg_dict['temp_relation'], condition)) }}",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees_a_faulty_increment(fault: str, tmp_path: Path) -> None:
    project = copied(tmp_path / "project")
    path, right, wrong = FAULTS[fault]
    change(project / path, right, wrong)
    warehouse = Warehouse(tmp_path, project=project)
    in_portions(warehouse, many(range(12)), Random(1))  # noqa: S311
    assert list(against_a_full_refresh(warehouse))


#: Changes of a formula that no comparison of the SQL with itself can see.
FORMULAS = {
    "int_session_events": (
        "macros/event_order.sql",
        "event_at, attempt_no nulls last",
        "event_at, attempt_no nulls first",
    ),
    "minute_metrics": ("models/marts/minute_metrics.sql", "counted_type <> 'heartbeat'", "counted_type <> 'error'"),
    "int_sessions": (
        "models/intermediate/int_sessions.sql",
        "coalesce(lesson_id, '')",
        "coalesce(lesson_id, event_id)",
    ),
    "mastery_deltas": ("models/marts/mastery_deltas.sql", "attempt_no is null or graded_again_by is null", "true"),
    "content_performance": ("models/marts/content_performance.sql", "count(distinct learner_id)", "count(*)"),
    "learner_activity_summary": (
        "models/marts/learner_activity_summary.sql",
        "least(sum(time_spent_seconds), 60)",
        "sum(time_spent_seconds)",
    ),
    "content_mastery_trends": (
        "models/marts/content_mastery_trends.sql",
        "from_last = 1 then current",
        "from_first = 1 then current",
    ),
    "data_quality_daily": ("models/marts/data_quality_daily.sql", "'event' and late", "'duplicate' and late"),
    "pipeline_latency": ("models/marts/pipeline_latency.sql", "0.95", "0.9"),
    "event_id_conflicts": ("models/marts/event_id_conflicts.sql", "count(distinct content_hash) > 1", "count(*) > 1"),
    "stg_records": ("models/staging/base_event_payloads.sql", "score / 100", "score"),
}


def test_the_reference_sees_every_changed_formula(tmp_path: Path) -> None:
    project = copied(tmp_path / "project")
    for path, right, wrong in FORMULAS.values():
        change(project / path, right, wrong)
    warehouse = Warehouse(tmp_path, project=project)
    portions = many(range(12))
    in_portions(warehouse, portions, Random(1))  # noqa: S311
    seen = {
        what.split(" ")[0] for what in against_the_reference(warehouse, [row for rows in portions for row in rows])
    }
    assert seen >= FORMULAS.keys()
