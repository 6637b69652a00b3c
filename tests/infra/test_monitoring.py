"""Alerts and dashboard: every metric and label exists, every alert fires when it should and has its entry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import combinations
from typing import Any

import pytest
import yaml

from ingest.health import Why
from ingest.metrics import METRICS
from tests.infra.manifests import ROOT, SAMPLES, TARGET, document, panels
from tests.infra.queries import grouping_of, metrics_of, values_of

ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in document("infra/prometheus/alerts.yaml")["groups"] for rule in group["rules"]
}
TESTS = (ROOT / "infra/prometheus/alerts_test.yaml").read_text()
RUNBOOK = (ROOT / "docs/operations.md").read_text().split("\n## Alerts\n", 1)[1].split("\n## ", 1)[0]
ENTRIES = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", RUNBOOK, re.M | re.S))
PANELS = [panel for panel in panels() if panel["type"] != "row"]
SHOWN = [(f"{panel['title']}: {one['refId']}", one["expr"]) for panel in PANELS for one in panel["targets"]]
QUERIES = [*((name, rule["expr"]) for name, rule in ALERTS.items()), *SHOWN]


def promtool() -> str:
    place = os.environ.get("PROMTOOL") or shutil.which("promtool")
    return place or pytest.skip("promtool is not on PATH, nor in $PROMTOOL")


@pytest.mark.parametrize(
    ("query", "metrics"),
    [
        ("up == 0", {"up": set()}),
        ("ingest_x_total[5m]", {"ingest_x_total": set()}),
        (
            'sum by (a) (rate(ingest_y{b="ingest_no", c!~"d"}[1h])) / up{e="f"}',
            {"ingest_y": {"b", "c"}, "up": {"e"}},
        ),
    ],
)
def test_a_query_is_read_as_it_is_meant(query, metrics):
    assert metrics_of(query) == metrics
    assert grouping_of("sum by (a, b) (x) and on () y unless on (c) z") == {"a", "b", "c"}


@pytest.mark.parametrize(("name", "query"), QUERIES, ids=[name for name, _ in QUERIES])
def test_every_metric_and_label_exists(name, query):
    named = metrics_of(query)
    assert named
    for metric, picked in named.items():
        assert metric in SAMPLES, metric
        assert picked <= SAMPLES[metric] | TARGET, metric
    assert grouping_of(query) <= TARGET.union(*(SAMPLES[metric] for metric in named))


@pytest.mark.parametrize(("name", "query"), QUERIES, ids=[name for name, _ in QUERIES])
def test_every_value_that_a_label_is_compared_with_is_one_of_its_values(name, query):
    for pattern in values_of(query, "reason"):
        assert any(re.fullmatch(pattern, why) for why in Why), pattern
    jobs = {one["job_name"] for one in document("infra/prometheus/prometheus.yaml")["scrape_configs"]}
    for pattern in values_of(query, "job"):
        assert any(re.fullmatch(pattern, job) for job in jobs), pattern
    if "up" in metrics_of(query):
        assert "job" in metrics_of(query)["up"], "up is of every target that Prometheus knows"


# --- alerts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_and_what_to_do(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"
    assert not rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")


@pytest.mark.parametrize("name", ALERTS)
def test_what_an_alert_tells_of_is_known_to_it(name):
    rule = ALERTS[name]
    grouped = grouping_of(rule["expr"])
    known = grouped or TARGET.union(*(SAMPLES[metric] for metric in metrics_of(rule["expr"])))
    for text in rule["annotations"].values():
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= known


def test_every_alert_has_an_entry_and_every_entry_an_alert():
    assert list(ENTRIES) == list(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_entry_begins_with_the_severity(name):
    assert ENTRIES[name].startswith(f"\nSeverity: **{ALERTS[name]['labels']['severity']}**.\n")


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_tells_what_it_means_where_to_look_what_to_do_and_when_it_can_wait(name):
    assert re.findall(r"^\*\*(.+?)\*\*", ENTRIES[name], re.M) == ["Means.", "Look.", "Do.", "Can wait?"]
    assert "```console\n$ " in ENTRIES[name]


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_shown_to_fire(name):
    fired = re.findall(r'alertname="(\w+)", alertstate="firing"', TESTS)
    assert name in fired


def test_promtool_takes_the_rules():
    done = subprocess.run(
        [promtool(), "check", "config", str(ROOT / "infra/prometheus/prometheus.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_every_alert_fires_when_it_should_and_is_quiet_when_it_should():
    done = subprocess.run(
        [promtool(), "test", "rules", str(ROOT / "infra/prometheus/alerts_test.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- the dashboard -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit(panel):
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    places = [panel["datasource"], *(one["datasource"] for one in panel["targets"])]
    assert all(place == {"type": "prometheus", "uid": "${datasource}"} for place in places)
    for one in panel["targets"]:
        labels = set(re.findall(r"\{\{(\w+)\}\}", one["legendFormat"]))
        assert labels <= grouping_of(one["expr"]) | TARGET, one["expr"]


def test_every_metric_is_on_the_dashboard():
    shown = {metric for _, query in SHOWN for metric in metrics_of(query)}
    missing = [one.name for one in METRICS if not {one.name, f"{one.name}_bucket"} & shown]
    assert missing == []


def test_promtool_takes_the_dashboards_queries(tmp_path):
    filled = {"$__rate_interval": "1m", "$__range": "6h", "$topic": ".*"}
    rules = []
    for number, (_, query) in enumerate(SHOWN):
        for variable, value in filled.items():
            query = query.replace(variable, value)  # noqa: PLW2901 - the same query, as Grafana would send it
        rules.append({"record": f"shown:{number}", "expr": query})
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "shown", "rules": rules}]}))
    done = subprocess.run(
        [promtool(), "check", "rules", str(tmp_path / "rules.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_that_the_dashboard_names_exist():
    named = {name for panel in PANELS for name in re.findall(r"\bIngest[A-Z]\w+", panel["description"])}
    assert named
    assert named <= set(ALERTS)


def test_panels_have_a_place_and_a_number_of_their_own():
    numbers = [panel["id"] for panel in panels()]
    assert len(numbers) == len(set(numbers))

    def cells(panel):
        at = panel["gridPos"]
        return {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}

    for one, other in combinations(panels(), 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])
    assert all(x < 24 for panel in panels() for x, _ in cells(panel))


def test_rows_go_from_the_question_of_health_to_the_loader():
    rows = [panel["title"].split(" (")[0] for panel in panels() if panel["type"] == "row"]
    assert rows == ["Is it healthy?", "Lag and throughput", "Flushes and the store", "Quarantine", "Loader"]
