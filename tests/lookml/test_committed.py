"""`looker/` as it is committed: what the models say, legal, complete, and showing nobody's id."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import lkml
import pytest
import yaml

from ingest.lookml_manifest import read
from ingest.lookml_project import HEADER, render
from tests.lookml.conftest import parsed
from tests.lookml.reading import Project

ROOT = Path(__file__).parents[2]
LOOKER = ROOT / "looker"
COMMITTED = Project(LOOKER)
EXPOSURES = yaml.safe_load((ROOT / "dbt_project/models/exposures.yml").read_text())["exposures"]
MARTS = {path.stem for path in (ROOT / "dbt_project/models/marts").glob("*.yml")}
HOOKS = (ROOT / "dbt_project/dbt_project.yml").read_text()


def test_it_is_what_the_models_say(manifest):
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "lookml", "--manifest", manifest, "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), f"run: make generate\n{done.stdout}{done.stderr}"


def test_files_of_the_readers_own_are_committed_as_they_are_made(manifest):
    rendering = render(read(manifest), "AIVO_ANALYTICS")
    assert {path: COMMITTED.texts[path] for path in rendering.own} == rendering.own
    assert COMMITTED.texts.keys() == rendering.own.keys() | rendering.generated.keys()


def test_the_same_manifest_gives_the_same_bytes_and_so_does_that_of_snowflake(manifest, tmp_path):
    here = render(read(manifest), "D")
    assert render(read(manifest), "D") == here
    assert render(read(parsed(tmp_path, "snowflake", SNOWFLAKE_ACCOUNT="nobody")), "D") == here


def test_nothing_in_it_would_be_refused():
    assert COMMITTED.faults() == []


@pytest.mark.parametrize("path", sorted(COMMITTED.files))
def test_a_file_comes_out_of_lkml_as_it_went_in(path):
    comments = re.match(r"(#.*\n|\n)*", COMMITTED.texts[path])
    assert comments
    body = COMMITTED.texts[path][comments.end() :]
    content = COMMITTED.files[path]
    if "project_name" in content:
        content = content | {"project_name": f'"{content["project_name"]}"'}  # lkml forgets that it is quoted
    assert lkml.dump(content).strip() == body.strip()


def test_every_mart_is_a_view_and_every_exposure_has_its_explores_and_a_dashboard():
    assert COMMITTED.views.keys() == MARTS
    assert {one["dashboard"] for one in COMMITTED.dashboards} == {one["name"] for one in EXPOSURES}
    shown = [re.findall(r"'(\w+)'", str(one["depends_on"])) for one in EXPOSURES]
    assert {COMMITTED.views_of(name)[0] for name in COMMITTED.explores} == {mart for marts in shown for mart in marts}
    assert {one["name"] for one in EXPOSURES} <= COMMITTED.explores.keys()


@pytest.mark.parametrize("mart", sorted(MARTS))
def test_a_view_has_every_column_with_its_description_and_every_metric_with_its_meaning(mart):
    text = yaml.safe_load((ROOT / f"dbt_project/models/marts/{mart}.yml").read_text())
    view = COMMITTED.views[mart]
    fields = [*view["dimensions"], *view["dimension_groups"]]
    columns = {column["name"]: column["description"] for column in text["models"][0]["columns"]}
    told = {one["sql"].removeprefix("${TABLE}."): one["description"] for one in fields if one["name"] != "row_key"}
    assert told.keys() == columns.keys()
    assert all(told[name] == description or "{{ doc(" in description for name, description in columns.items())
    metrics = {metric["name"]: (metric["label"], metric["description"]) for metric in text["metrics"]}
    assert {one["name"]: (one["label"], one["description"]) for one in view["measures"]} == metrics


def test_nobody_sees_an_id_that_dbt_masks():
    masked = set(re.findall(r"mask\('(\w+)'\)", HOOKS))
    assert masked == {"learner_id", "session_key"}
    masked.add("session_id")  # the producer's own text, which dbt leaves as it is
    hidden = 0
    for view in COMMITTED.views.values():
        for dimension in view["dimensions"]:
            names = {name for name in masked if re.search(rf"\b{name}\b", dimension["sql"])}
            assert not names or dimension["hidden"] == "yes", (view["name"], dimension["name"])
            hidden += bool(names)
        assert not masked & {name for listed in view["sets"] for name in listed["fields"]}
    assert hidden > len(masked)
    assert not re.findall(r"learner_id|session_key|session_id|row_key", "".join(map(str, COMMITTED.dashboards)))


def test_a_generated_file_says_so_and_by_what():
    generated = [path for path in COMMITTED.texts if not path.startswith(("refinements/", "manifest"))]
    assert all(COMMITTED.texts[path].startswith(HEADER) for path in generated)
    assert "`ingest lookml`" in HEADER


def test_large_tables_are_bounded_in_time_and_all_tenants_are_never_asked_for_unawares():
    for name, explore in COMMITTED.explores.items():
        view = COMMITTED.views_of(name)[0]
        assert ("always_filter" in explore) == ("tenant_id" in COMMITTED.fields(view))
        assert ("conditionally_filter" in explore) == (view != "event_id_conflicts")
    minutes = COMMITTED.explores["minute_metrics"]["conditionally_filter"]["filters__all"]
    assert minutes == [[{"minute_metrics.minute_date": "7 days"}]]


def test_tiles_don_t_lie_on_each_other():
    for dashboard in COMMITTED.dashboards:
        squares = [
            (tile["row"] + down, tile["col"] + right)
            for tile in dashboard["elements"]
            for down in range(tile["height"])
            for right in range(tile["width"])
        ]
        assert len(squares) == len(set(squares))
        assert max(right for _, right in squares) < 24


def test_the_page_names_every_explore_and_constant():
    page = (ROOT / "docs/looker.md").read_text()
    asked = page.split("## What the explores answer")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)`", asked, re.M) == [
        name for one in EXPOSURES for name in _explores_of(one["name"])
    ]
    constants = [one["name"] for one in COMMITTED.files["manifest.lkml"]["constants"]]
    assert re.findall(r"^\| `(\w+)` \|", page.split("| constant |")[1].split("\n## ")[0], re.M) == constants


def _explores_of(subject: str) -> list[str]:
    return [one["name"] for one in COMMITTED.files[f"explores/{subject}.explore.lkml"]["explores"]]


#: What somebody may write by mistake, and what is found.
MISTAKES = {
    "a parameter that is none": (
        "views/session_metrics.view.lkml",
        "type: yesno",
        "typ: yesno",
        "typ is no parameter",
    ),
    "a type that is none": ("views/session_metrics.view.lkml", "type: yesno", "type: boolean", "can't be 'boolean'"),
    "a time frame that is none": (
        "views/session_metrics.view.lkml",
        "      week,",
        "      weeks,",
        "timeframes can't",
    ),
    "a date's hour": (
        "views/minute_metrics.view.lkml",
        "raw,\n      date",
        "raw,\n      hour,\n      date",
        "has no hour",
    ),
    "a format that is none": ("views/session_metrics.view.lkml", "percent_1", "percents", "can't be 'percents'"),
    "a measure of nothing": (
        "views/session_metrics.view.lkml",
        "${content_completed}",
        "${done}",
        "${done} is nothing",
    ),
    "a set of nothing": (
        "views/session_metrics.view.lkml",
        "      end_reason,",
        "      end_reasons,",
        "no field end_rea",
    ),
    "a set that is not there": ("views/session_metrics.view.lkml", "[detail*]", "[details*]", "no field details*"),
    "no key": ("views/session_metrics.view.lkml", "    primary_key: yes\n", "", "0 primary keys"),
    "a reserved word": (
        "views/minute_metrics.view.lkml",
        "dimension: errors {",
        "dimension: order {",
        "reserved word",
    ),
    "a field twice": (
        "views/etl_job_status.view.lkml",
        "dimension: status {",
        "dimension: job_id {",
        "job_id: twice",
    ),
    "a joined field": (
        "explores/learner_engagement.explore.lkml",
        "session_key} =",
        "key} =",
        "no field minute_metr",
    ),
    "a relationship": ("explores/learner_engagement.explore.lkml", "many_to_one", "many", "can't be 'many'"),
    "a joined view": (
        "explores/learner_engagement.explore.lkml",
        "join: session_metrics",
        "join: sessions",
        "no view",
    ),
    "a filtered field": ("explores/system_health.explore.lkml", "started_date: ", "start_date: ", "to filter by"),
    "a constant": ("learner_analytics.model.lkml", "@{connection}", "@{connections}", "no constant connections"),
    "a rule of the cache": (
        "explores/system_health.explore.lkml",
        "computed_on_reading\n",
        "on_reading\n",
        "no datagroup on_reading",
    ),
    "an include": ("learner_analytics.model.lkml", "/views/*.view", "/view/*.view", "nothing is /view/"),
    "a tile's field": (
        "dashboards/system_health.dashboard.lookml",
        "job_runs",
        "jobs_run",
        "no field etl_job_status.j",
    ),
    "a tile's explore": (
        "dashboards/system_health.dashboard.lookml",
        "explore: system",
        "explore: systems",
        "no explore",
    ),
    "a tile's kind": ("dashboards/system_health.dashboard.lookml", "looker_line", "looker_lines", "type can't be"),
    "a tile twice": (
        "dashboards/system_health.dashboard.lookml",
        'name: "Failed job runs"',
        'name: "Job runs"',
        "two tiles are Job runs",
    ),
    "a filter": ("dashboards/system_health.dashboard.lookml", "name: Period", "name: Periods", "no filter Period"),
    "a refinement": ("refinements/session_metrics.view.lkml", "view: +session", "view: +sessions", "to refine"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake, tmp_path):
    folder = Path(shutil.copytree(LOOKER, tmp_path / "looker"))
    path, right, wrong, found = MISTAKES[mistake]
    text = (folder / path).read_text()
    assert right in text
    (folder / path).write_text(text.replace(right, wrong))
    assert found in "\n".join(Project(folder).faults())
