"""What a manifest must have, and what is said when it lacks it; how metrics become measures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import InputError
from ingest.lookml_dashboards import Tile, dashboard
from ingest.lookml_explores import explores
from ingest.lookml_manifest import Manifest, read
from ingest.lookml_marts import Aggregate, Column, Mart, Metric
from ingest.lookml_measures import FORMATS, measures
from ingest.lookml_project import fields_of, render
from ingest.lookml_views import view

MODEL = "model.learner_analytics.{}"
SEMANTIC = "semantic_model.learner_analytics.{}"
METRIC = "metric.learner_analytics.{}"


def made_of(content: dict[str, Any]) -> None:
    render(Manifest(content).catalogue(), "D")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "can't be read as dbt's manifest"),
        ("[]", "is no manifest of version 12"),
        ("{}", "but something else of dbt unknown"),
        (
            '{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v11.json", '
            '"dbt_version": "1.7.4"}}',
            "v11.json of dbt 1.7.4",
        ),
    ],
)
def test_another_file_or_another_dbts_manifest_is_refused(text, told, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(InputError, match=told) as error:
        read(path)
    assert "dbt parse" in error.value.remedy
    assert error.value.exit_code == 2


def test_a_manifest_of_bytes_is_refused(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="can't be read as dbt's manifest"):
        read(path)


def test_half_a_manifest_is_refused(content, tmp_path):
    del content["semantic_models"]
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"lacks what dbt's manifests have \('semantic_models'\)"):
        read(path)


def _no_marts(content: dict[str, Any]) -> None:
    for node in content["nodes"].values():
        node["access"] = "protected"


def _two_schemas(content: dict[str, Any]) -> None:
    content["nodes"][MODEL.format("minute_metrics")]["schema"] = "elsewhere"


def _no_contract(content: dict[str, Any]) -> None:
    content["nodes"][MODEL.format("minute_metrics")]["config"]["contract"]["enforced"] = False


def _no_key(content: dict[str, Any]) -> None:
    for node in content["nodes"].values():
        if node["name"].startswith("unique_rows_minute_metrics"):
            node["test_metadata"]["name"] = "other"


def _odd_type(content: dict[str, Any]) -> None:
    content["nodes"][MODEL.format("minute_metrics")]["columns"]["errors"]["data_type"] = "variant"


def _filtered_metric(content: dict[str, Any]) -> None:
    content["metrics"][METRIC.format("sessions")]["filter"] = {"where_filters": []}


def _derived_metric(content: dict[str, Any]) -> None:
    content["metrics"][METRIC.format("sessions")]["type"] = "derived"


def _ratio_of_two_marts(content: dict[str, Any]) -> None:
    ratio = content["metrics"][METRIC.format("average_score")]["type_params"]
    ratio["denominator"] = ratio["denominator"] | {"name": "sessions"}


def _percentile(content: dict[str, Any]) -> None:
    measure = content["semantic_models"][SEMANTIC.format("session_metrics")]["measures"][2]
    measure.update(agg="percentile", agg_params={"percentile": 0.5})


def _unit(content: dict[str, Any]) -> None:
    content["metrics"][METRIC.format("sessions")]["config"]["meta"]["unit"] = "furlongs"


def _unit_of_a_column(content: dict[str, Any]) -> None:
    content["nodes"][MODEL.format("session_metrics")]["columns"]["completion_rate"]["meta"]["unit"] = "furlongs"


def _half_a_key(content: dict[str, Any]) -> None:
    entities = content["semantic_models"][SEMANTIC.format("session_metrics")]["entities"]
    entities[0]["expr"] = "session_key"


def _tile_of_no_metric(content: dict[str, Any]) -> None:
    del content["metrics"][METRIC.format("worst_latency_seconds")]


#: What a manifest lacks, and what is said.
LACKS = {
    _no_marts: "public models are in 0 schemas",
    _two_schemas: "public models are in 2 schemas",
    _no_contract: "mart minute_metrics promises no columns",
    _no_key: "mart minute_metrics has no tested key",
    _odd_type: "column errors is of type 'variant'",
    _filtered_metric: "metric sessions is simple with a filter",
    _derived_metric: "metric sessions is derived;",
    _ratio_of_two_marts: "metric average_score rests on no mart, or is a ratio of two marts' figures",
    _percentile: "measure mean_session_minutes of session_metrics is a percentile or not additive",
    _unit: "metric sessions is in 'furlongs', a unit that has no format",
    _unit_of_a_column: "column completion_rate of session_metrics is in 'furlongs', a unit that has no format",
    _half_a_key: "entity session of mastery_deltas is no whole key of session_metrics: a join would double rows",
    _tile_of_no_metric: "tile 'Worst latency by hour \\(s\\)' of dashboard system_health shows worst_latency_seconds",
}


@pytest.mark.parametrize("change", LACKS, ids=lambda change: change.__name__.strip("_"))
def test_what_a_manifest_lacks_is_told_with_what_to_do(change, content):
    made_of(content)
    change(content)
    with pytest.raises(InputError, match=LACKS[change]) as error:
        made_of(content)
    assert error.value.remedy


def test_a_tile_along_a_time_begins_with_the_newest(content, monkeypatch):
    oldest = Tile("Oldest", "pipeline_latency", "looker_line", ["loaded_hour"], "half", sorts=["loaded_hour"])
    monkeypatch.setattr("ingest.lookml_dashboards.tiles", lambda _: [oldest])
    with pytest.raises(InputError, match=r"tile 'Oldest' of dashboard .* would lose its newest rows") as error:
        dashboard_of(content, "system_health")
    assert '"loaded_hour desc"' in error.value.remedy


def dashboard_of(content: dict[str, Any], name: str) -> str:
    catalogue = Manifest(content).catalogue()
    [subject] = [one for one in catalogue.subjects if one.name == name]
    return dashboard(catalogue, subject, {one.name: frozenset(fields_of(view(one))) for one in catalogue.marts})


def test_a_mart_without_figures_is_a_view_all_the_same(content):
    [conflicts] = [mart for mart in Manifest(content).catalogue().marts if mart.name == "event_id_conflicts"]
    bare = Mart(conflicts.name, "c", "d", conflicts.columns, conflicts.key, frozenset(), None, (), (), ())
    assert view(bare)["measures"] == []


def test_what_dbt_no_longer_masks_is_shown(content):
    for node in content["nodes"].values():
        node["config"]["post-hook"] = []
    catalogue = Manifest(content).catalogue()
    shown = {one["name"]: one for one in view(catalogue.mart("session_metrics"))["dimensions"]}
    assert "hidden" not in shown["learner_id"]


def test_an_exposure_makes_the_explores_and_entities_make_the_joins(content):
    catalogue = Manifest(content).catalogue()
    [engagement] = [one for one in catalogue.subjects if one.name == "learner_engagement"]
    made = {one["name"]: [join["name"] for join in one["joins"]] for one in explores(catalogue, engagement)}
    assert made == {"learner_engagement": [], "session_metrics": [], "minute_metrics": ["session_metrics"]}


COLUMNS = (
    Column("id", "varchar", "d", never_null=True),
    Column("late", "boolean", "d", never_null=True),
    Column("score", "decimal(18, 6)", "d", never_null=False),
)


def _measure(agg: str, expr: str) -> dict[str, Any]:
    metric = Metric("m", "M", "d", None, "a", None)
    mart = Mart("t", "t", "d", COLUMNS, ("id",), frozenset(), None, (Aggregate("a", agg, expr),), (metric,), ())
    [measure] = measures(mart)
    return {name: measure[name] for name in ("type", "sql") if name in measure}


@pytest.mark.parametrize(
    ("agg", "expr", "measure"),
    [
        ("sum", "score", {"type": "sum", "sql": "${TABLE}.score"}),
        ("average", "score * 2", {"type": "average", "sql": "${TABLE}.score * 2"}),
        ("max", "score", {"type": "max", "sql": "${TABLE}.score"}),
        ("count", "id", {"type": "count"}),
        ("count", "score", {"type": "sum", "sql": "case when ${TABLE}.score is not null then 1 else 0 end"}),
        ("sum_boolean", "late", {"type": "sum", "sql": "case when ${TABLE}.late then 1 else 0 end"}),
        ("median", "score", {"type": "median", "sql": "${TABLE}.score"}),
        ("count_distinct", "id || 'late'", {"type": "count_distinct", "sql": "${TABLE}.id || 'late'"}),
    ],
)
def test_an_aggregate_of_dbt_is_a_measure(agg, expr, measure):
    assert _measure(agg, expr) == measure


def test_an_aggregate_that_has_no_measure_is_refused():
    with pytest.raises(InputError, match="of kind percentile"):
        _measure("percentile", "score")


def test_the_page_names_every_unit():
    page = (Path(__file__).parents[2] / "docs/looker.md").read_text()
    told = page.split("`meta.unit` of a metric or a column says how it is shown: ")[1].split(".")[0]
    assert [word.split()[0] for word in told.replace("\n", " ").split(", ")] == [
        *("count", *(unit for unit in FORMATS if unit != "count"))
    ]


def test_quotes_in_a_description_survive(content):
    content["nodes"][MODEL.format("minute_metrics")]["columns"]["errors"]["description"] = 'What we call "errors".'
    text = render(Manifest(json.loads(json.dumps(content))).catalogue(), "D").generated[
        "views/minute_metrics.view.lkml"
    ]
    assert r'description: "What we call \"errors\"."' in text
