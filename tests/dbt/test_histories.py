"""Generated histories: the same from one seed, alone or beside others, and so rich that every rule tells."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from ingest.events import Reason
from tests.dbt.histories import history, many
from tests.dbt.reference.tables import Table, tables
from tests.dbt.running import Row


@pytest.fixture(scope="module")
def answered() -> dict[str, Table]:
    return tables(row for rows in many(range(60)) for row in rows)


def values(tables: dict[str, Table], model: str, column: str) -> set[Any]:
    table = tables[model]
    return {row[table.columns.index(column)] for row in table.rows}


def test_a_history_is_the_same_alone_and_beside_others() -> None:
    beside = [[row for row in rows if row["_partition"] == 7] for rows in many(range(5, 9))]
    assert many([7]) == beside
    assert all(beside)
    assert {row["tenant_id"] for rows in beside for row in rows if not row.get("_error")} == {"h7-a", "h7-b"}


def test_records_have_coordinates_of_their_own() -> None:
    def place(row: Row) -> tuple[Any, ...]:
        return (row["_topic_id"], row["_partition"], row["_offset"])

    rows = history(Random(1), partition=3)  # noqa: S311
    assert len({place(row) for row in rows}) == len(rows)
    again = history(Random(1), partition=3, recovered=0.5)  # noqa: S311
    assert again[: len(rows)] == rows
    assert {place(row) for row in again[len(rows) :]} <= {place(row) for row in rows}


@pytest.mark.parametrize(
    ("model", "column"),
    [
        *(("stg_records", flag) for flag in ("skew_corrected", "future_clamped", "late", "unparsable_data")),
        *(("stg_records", flag) for flag in ("score_assumed_percent", "score_out_of_range", "bad_max_score")),
        *(("mastery_deltas", flag) for flag in ("is_initial", "regraded", "continuity_gap")),
        ("int_sessions", "is_overlong"),
    ],
)
def test_every_flag_is_up_and_down(answered: dict[str, Table], model: str, column: str) -> None:
    assert values(answered, model, column) == {True, False}


def test_every_kind_is_there(answered: dict[str, Table]) -> None:
    assert len(values(answered, "stg_records", "event_type") - {None}) == 14
    assert values(answered, "stg_records", "record_status") == {"event", "duplicate", "quarantined"}
    reasons = {error.partition(":")[0] for error in values(answered, "stg_records", "_error") - {None}}
    assert reasons == set(Reason)
    assert values(answered, "stg_records", "content_type") >= {"lesson", "assessment", "resource", "page", "content"}
    assert values(answered, "mastery_deltas", "mastery_method") == {"reported", "decayed_mean"}
    assert {"skill", "item", "assessment", "lesson"} <= values(answered, "mastery_deltas", "content_type")
    assert values(answered, "int_sessions", "end_reason") == {"explicit", "timeout"}
    assert values(answered, "content_mastery_trends", "learners_affected") == {1, 2}
    assert answered["event_id_conflicts"].rows


def test_limits_are_met_exactly(answered: dict[str, Table]) -> None:
    table = answered["int_session_events"]
    spans = {row[table.columns.index("active_microseconds")] for row in table.rows}
    assert {0, 1, 299_000_000, 300_000_000} <= spans
    assert 43200 in values(answered, "int_sessions", "duration_seconds"), "twelve hours are not overlong"
    assert max(values(answered, "mastery_deltas", "evidence_count")) >= 5
