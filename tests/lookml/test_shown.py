# ruff: noqa: S608 - statements are made of the committed LookML
"""What people see of `looker/` in Looker: labels that tell fields apart, figures with a format, nothing cut off."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.lookml.reading import Project

ROOT = Path(__file__).parents[2]
PROJECT = Project(ROOT / "looker")
TILES = [(one, tile) for one in PROJECT.dashboards for tile in one["elements"]]

#: How many rows a day has, at most, of what a series runs along: a week or a month has fewer.
_A_DAY = {"minute": 24 * 60, "hour": 24, "date": 1, "week": 1, "month": 1, "quarter": 1, "year": 1}
#: How many values a pivot has, as its column's description or its test says.
_VALUES = {"end_reason": 2, "job_type": 4, "mastery_method": 3}
_DRAWN = ("looker_line", "looker_column", "looker_bar", "looker_area")


def _along(tile: dict[str, Any]) -> tuple[str, str] | None:
    """The field that a tile's time runs along, and its grain."""
    for name in tile["fields"]:
        view, _, field = name.partition(".")
        for group in PROJECT.views[view]["dimension_groups"]:
            grain = field.removeprefix(f"{group['name']}_")
            if grain in {*_A_DAY, "time"} and field == f"{group['name']}_{grain}":
                return name, grain
    return None


def _ids(tiles: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[str]:
    return [f"{dashboard['dashboard']}: {tile['title']}" for dashboard, tile in tiles]


SERIES = [(one, tile) for one, tile in TILES if _along(tile)]
DRAWN = [(one, tile) for one, tile in SERIES if tile["type"] in _DRAWN]


def _possible(dashboard: dict[str, Any], tile: dict[str, Any]) -> int:
    """The rows that a tile may have in the period that its dashboard begins with, today's included."""
    [period] = [one["default_value"] for one in dashboard["filters"] if one["name"] == "Period"]
    found = re.fullmatch(r"(\d+) days", period)
    assert found, period
    _, grain = _along(tile) or ("", "")
    rows = (int(found[1]) + 1) * _A_DAY[grain]
    for pivot in tile.get("pivots", []):
        rows *= _VALUES[pivot.partition(".")[2]]
    return rows


@pytest.mark.parametrize(("dashboard", "tile"), DRAWN, ids=_ids(DRAWN))
def test_a_series_has_room_for_all_its_period(dashboard, tile):
    assert _possible(dashboard, tile) <= tile["limit"] <= 5000


@pytest.mark.parametrize(("dashboard", "tile"), SERIES, ids=_ids(SERIES))
def test_a_series_shows_the_newest_whatever_the_limit(dashboard, tile):
    name, _ = _along(tile) or ("", "")
    assert tile["sorts"][0] == f"{name} desc", dashboard["dashboard"]
    assert tile["type"] not in _DRAWN or tile["x_axis_scale"] == "time", "drawn from right to left"


def test_the_longest_series_is_one_that_500_rows_would_cut():
    assert max(_possible(dashboard, tile) for dashboard, tile in DRAWN) > 24 * 28


def _labels(view: dict[str, Any]) -> list[str]:
    """What the field picker lists, as Looker words it."""
    fields = [*view["dimensions"], *view["measures"]]
    found = [one.get("label", _words(one["name"])) for one in fields if one.get("hidden") != "yes"]
    for group in view["dimension_groups"]:
        if group.get("hidden") != "yes":
            begun = group.get("label", _words(group["name"]))
            found += [f"{begun} {_words(frame)}" for frame in group["timeframes"] if frame != "raw"]
    return found


def _words(name: str) -> str:
    return name.replace("_", " ").title()


@pytest.mark.parametrize("view", sorted(PROJECT.views))
def test_no_two_fields_of_a_view_have_one_label(view):
    counted = Counter(label.casefold() for label in _labels(PROJECT.views[view]))
    assert [label for label, times in counted.items() if times > 1] == []
    assert not [label for label in counted if "per row" in label or "partition" in label]


def test_the_local_date_is_called_so():
    labels = {name: _labels(view) for name, view in PROJECT.views.items()}
    dated = [name for name in PROJECT.views if "partition_date" in PROJECT.fields(name)]
    assert len(dated) > 5
    assert all({"Local Date", "Local Week"} <= {*labels[name]} for name in dated)


@pytest.mark.parametrize("view", sorted(PROJECT.views))
def test_a_figure_with_a_fraction_has_a_format(view):
    text = yaml.safe_load((ROOT / f"dbt_project/models/marts/{view}.yml").read_text())
    fractions = [one["name"] for one in text["models"][0]["columns"] if re.match("double|decimal", one["data_type"])]
    shown = {one["sql"].removeprefix("${TABLE}."): one for one in PROJECT.views[view]["dimensions"]}
    assert [name for name in fractions if not {"value_format", "value_format_name"} & shown[name].keys()] == []


def test_lengths_of_sessions_are_read_in_minutes_mean_and_median():
    [shown] = [one["elements"] for one in PROJECT.dashboards if one["dashboard"] == "learner_engagement"]
    lengths = {tile["title"]: tile["fields"] for tile in shown if "length" in tile["title"]}
    assert lengths == {
        "Average session length (min)": ["session_metrics.average_session_minutes"],
        "Median session length (min)": ["session_metrics.median_session_minutes"],
    }


def test_what_is_computed_on_reading_is_not_kept_until_the_next_run():
    told = {
        view: [one["name"] for one in found["dimensions"] if one["description"].startswith("Computed on reading")]
        for view, found in PROJECT.views.items()
    }
    assert {view: names for view, names in told.items() if names} == {
        "session_metrics": ["is_active"],
        "etl_job_status": ["is_silent"],
    }
    assert PROJECT.datagroups["computed_on_reading"] == {"name": "computed_on_reading", "max_cache_age": "5 minutes"}
    for name, explore in PROJECT.explores.items():
        now = [field for view in PROJECT.views_of(name) for field in told[view]]
        assert explore.get("persist_with") == ("computed_on_reading" if now else None), name
        said = f"{'`, `'.join(now)}` is computed on reading, so answers are kept for 5 minutes only."
        assert (said in explore["description"]) == bool(now)


def test_an_explore_says_for_what_its_join_finds_anything():
    use, mastery = (PROJECT.explores[name] for name in ("content_performance", "content_mastery_trends"))
    assert "Mastery of the same content on the same day is there for assessments" in use["description"]
    assert "Use of the same target on the same day is there for assessments" in mastery["description"]


#: Two learners, or two of anything, that a colon between the parts of their keys would make one.
_TWO = "(values ('a:b', 'c'), ('a', 'b:c')) as t (tenant_id, {})"


@pytest.mark.parametrize("view", sorted(PROJECT.views))
def test_a_colon_in_an_id_makes_nobody_somebody_else(view):
    one = PROJECT.views[view]
    distinct = [measure["sql"] for measure in one["measures"] if measure["type"] == "count_distinct"]
    keys = [field["sql"] for field in one["dimensions"] if field["name"] == "row_key"]
    for sql in distinct + [key for key in keys if key.count("${TABLE}") == 2 and "tenant_id" in key]:
        [other] = {*re.findall(r"\$\{TABLE\}\.(\w+)", sql)} - {"tenant_id"}
        asked = f"select count(distinct {sql.replace('${TABLE}', 't')}) from {_TWO.format(other)}"
        assert duckdb.sql(asked).fetchall() == [(2,)], sql
    assert "':'" not in str(one)


def test_dbt_joins_the_parts_of_keys_in_the_same_way():
    texts = [path.read_text() for path in (ROOT / "dbt_project/models/marts").glob("*.yml")]
    assert sum(text.count("|| chr(31) ||") for text in texts) > 10
    assert not [text for text in texts if "|| ':' ||" in text]
