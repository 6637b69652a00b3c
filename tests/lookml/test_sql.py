# ruff: noqa: S608 - statements are made of the committed LookML
"""The committed LookML's SQL, run on the fixtures' marts in DuckDB, and its figures beside those of plain Python."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt.running import Warehouse
from tests.lookml.figures import FIGURES
from tests.lookml.reading import Project
from tests.lookml.running import expression, query, source, table

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")

PROJECT = Project(Path(__file__).parents[2] / "looker")
#: The fixtures are of 2025: without it the views of the last days would be empty.
_ALL_DAYS = json.dumps({"realtime_view_days": 36500})
_TYPES = {
    "string": {"VARCHAR"},
    "number": {"BIGINT", "DOUBLE", "DECIMAL"},
    "yesno": {"BOOLEAN"},
    "date": {"DATE"},
    "datetime": {"TIMESTAMP"},
}


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The marts over the hand-worked fixtures, and two job runs more: one failed, one fallen silent."""
    built = Warehouse(tmp_path_factory.mktemp("marts"))
    for step in ("seed", "run"):
        built.dbt(step, "--vars", _ALL_DAYS, target="fixtures")
    connection = duckdb.connect(str(built.path))
    columns = connection.execute("select * from intermediate.int_transform_runs limit 0").description
    values = {"job_type": "transform", "records_processed": 0, "records_failed": 0}
    for number, status in enumerate(("failed", "running")):
        row = values | {"job_id": f"one-{number}", "status": status, "record_number": 0}
        row |= dict.fromkeys(("started_at", "recorded_at"), "2025-09-05 10:00:00")
        given = [row.get(name) for name, *_ in columns]
        connection.execute(
            f"insert into intermediate.int_transform_runs values ({', '.join('?' * len(given))})", given
        )
    return connection


def rows_of(marts: duckdb.DuckDBPyConnection, mart: str) -> list[dict[str, Any]]:
    answer = marts.execute(f"select * from analytics.{mart}")
    names = [name for name, *_ in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@pytest.mark.parametrize("view", sorted(PROJECT.views))
def test_every_dimension_runs_and_is_of_its_type(marts, view):
    one = PROJECT.views[view]
    for field in [*one["dimensions"], *one["dimension_groups"]]:
        sql = field["sql"].replace("${TABLE}", view)
        found = marts.execute(f"select distinct typeof({sql}) from {table(PROJECT, view)}").fetchall()
        assert found, f"{view} has no rows"
        assert {kind.partition("(")[0] for (kind,) in found} <= _TYPES[field.get("datatype") or field["type"]]


@pytest.mark.parametrize("view", sorted(PROJECT.views))
def test_the_key_names_one_row(marts, view):
    [key] = [field for field in PROJECT.views[view]["dimensions"] if field.get("primary_key")]
    sql = expression(PROJECT, f"{view}.{key['name']}")
    rows, keys = marts.execute(f"select count(*), count(distinct {sql}) from {table(PROJECT, view)}").fetchall()[0]
    assert rows == keys > 0


def test_there_is_a_figure_for_every_measure():
    assert {view: {one["name"] for one in found["measures"]} for view, found in PROJECT.views.items()} == {
        view: set(figures) for view, figures in FIGURES.items()
    }


@pytest.mark.parametrize("view", sorted(FIGURES))
def test_measures_over_all_rows_are_what_plain_python_makes_of_them(marts, view):
    names = [*FIGURES[view]]
    [explore] = [name for name in PROJECT.explores if PROJECT.views_of(name)[0] == view]
    found = marts.execute(query(PROJECT, explore, [f"{view}.{name}" for name in names])).fetchall()[0]
    rows = rows_of(marts, view)
    assert rows
    _compare(dict(zip(names, found, strict=True)), {name: FIGURES[view][name](rows) for name in names})


#: By what figures are grouped: groups small enough for nulls and zeros.
GROUPS = {
    "session_metrics": "learner_id",
    "minute_metrics": "learner_id",
    "learner_activity_summary": "learner_id",
    "content_performance": "content_id",
    "content_mastery_trends": "content_id",
    "mastery_deltas": "content_id",
    "etl_job_status": "status",
    "event_id_conflicts": "tenant_id",
}


@pytest.mark.parametrize("view", sorted(GROUPS))
def test_measures_of_groups_are_what_plain_python_makes_of_them(marts, view):
    by, names = GROUPS[view], [*FIGURES[view]]
    [explore] = [name for name in PROJECT.explores if PROJECT.views_of(name)[0] == view]
    fields = [f"{view}.{name}" for name in (by, *names)]
    found = {row[0]: row[1:] for row in marts.execute(query(PROJECT, explore, fields)).fetchall()}
    rows = sorted(rows_of(marts, view), key=lambda row: row[by])
    groups = {value: list(group) for value, group in groupby(rows, key=lambda row: row[by])}
    assert found.keys() == groups.keys()
    for value, group in groups.items():
        _compare(dict(zip(names, found[value], strict=True)), {name: FIGURES[view][name](group) for name in names})


def _compare(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert (found[name] is None) == (value is None), (name, found[name], value)
        if value is not None:
            assert float(found[name]) == pytest.approx(float(value), rel=1e-9, abs=1e-12), name


def test_the_fixtures_have_what_figures_could_be_wrong_about(marts):
    failed, silent, scores, nothing = marts.execute(
        "select (select count(*) from analytics.etl_job_status where status = 'failed'), "
        "(select count(*) from analytics.etl_job_status where is_silent), "
        "(select count(distinct graded_attempts) from analytics.content_performance where graded_attempts > 0), "
        "(select count(*) from analytics.session_metrics where lessons_attempted + assessments_attempted = 0)"
    ).fetchall()[0]
    assert failed
    assert silent
    assert scores > 1
    assert nothing


@pytest.mark.parametrize("explore", sorted(PROJECT.explores))
def test_joins_double_no_row(marts, explore):
    own = PROJECT.views_of(explore)[0]
    rows = marts.execute(f"select count(*) from {table(PROJECT, own)}").fetchall()
    assert marts.execute(f"select count(*) {source(PROJECT, explore)}").fetchall() == rows


@pytest.mark.parametrize(
    ("explore", "joined", "expected"),
    [
        ("minute_metrics", "session_metrics", "count(*)"),
        ("mastery_deltas", "session_metrics", "count(*)"),
        # Pages and lessons have use and no evidence; assessments have both.
        (
            "content_performance",
            "content_mastery_trends",
            "count(*) filter (content_type = 'assessment' and graded_attempts > 0)",
        ),
    ],
)
def test_joins_find_what_they_are_for(marts, explore, joined, expected):
    key = next(field["name"] for field in PROJECT.views[joined]["dimensions"] if field.get("primary_key"))
    sql = expression(PROJECT, f"{joined}.{key}")
    [found] = marts.execute(f"select count({sql}) {source(PROJECT, explore)}").fetchall()
    [wanted] = marts.execute(f"select {expected} from analytics.{PROJECT.views_of(explore)[0]}").fetchall()
    assert found[0] >= wanted[0] > 0


def test_minutes_know_their_sessions(marts):
    names = (
        "minute_metrics.tenant_id",
        "session_metrics.session_id",
        "session_metrics.sessions",
        "minute_metrics.events",
    )
    found = marts.execute(query(PROJECT, "minute_metrics", list(names))).fetchall()
    sessions = {row[1]: row[2:] for row in found if row[0] == "default"}
    assert [sessions[f"session_00{number}"] for number in (1, 2, 3)] == [(1, 5), (1, 3), (1, 2)]


TILES = [(one["dashboard"], tile) for one in PROJECT.dashboards for tile in one["elements"]]


@pytest.mark.parametrize(("dashboard", "tile"), TILES, ids=[f"{name}: {tile['title']}" for name, tile in TILES])
def test_a_tile_shows_something(marts, dashboard, tile):
    found = marts.execute(query(PROJECT, tile["explore"], tile["fields"])).fetchall()
    assert found, dashboard
    assert any(value is not None for row in found for value in row[-1:])


def test_answers_are_kept_until_dbt_has_run(marts):
    kept = PROJECT.datagroups[PROJECT.files["learner_analytics.model.lkml"]["persist_with"]]
    sql = kept["sql_trigger"].replace("@{analytics_database}.@{analytics_schema}", "analytics")
    [[last]] = marts.execute(sql).fetchall()
    assert last == max(
        row["completed_at"] for row in rows_of(marts, "etl_job_status") if row["status"] == "completed"
    )
