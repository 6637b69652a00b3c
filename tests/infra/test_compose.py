"""The pipeline on one machine: a compose file that Compose would take, and that agrees with what it starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from compose_spec import PyCompose
from dbt.cli.main import cli as dbt

from ingest.cli import app
from ingest.probe import probe
from ingest.settings import Settings
from ingest.store import open_store
from tests.infra.manifests import OTHERS, ROOT, SETTINGS, default, document
from tests.services.s3 import CREDENTIALS

FILE = "infra/docker/compose.yaml"
COMPOSE = document(FILE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("etl-")}


def flat() -> str:
    """The file without extension fields, anchors resolved."""
    plain = yaml.safe_load((ROOT / FILE).read_text())
    return yaml.safe_dump({name: part for name, part in plain.items() if not name.startswith("x-")})


def test_it_is_as_the_specification_has_it():
    assert sorted(PyCompose.from_yaml(flat()).service_names()) == sorted(SERVICES)


@pytest.mark.parametrize("wrong", ["restrat", "healthy_service"])
def test_what_is_not_would_be_noticed(wrong):
    right = {"restrat": "restart:", "healthy_service": "service_healthy"}[wrong]
    with pytest.raises(ValueError, match=wrong):
        PyCompose.from_yaml(flat().replace(right, wrong + ":" * right.endswith(":"), 1))


def compose_command() -> list[str]:
    if shutil.which("docker"):
        command = ["docker", "compose"]
        if subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
            return command
    return [shutil.which("docker-compose") or pytest.skip("Docker Compose is not installed")]


def test_compose_itself_takes_it():
    done = subprocess.run(
        [*compose_command(), "-f", str(ROOT / FILE), "--profile", "dbt", "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned(name):
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?|etl-(jobs|dbt):local", image)
    if name in OURS and "build" in SERVICES[name]:
        build = SERVICES[name]["build"]
        assert (ROOT / FILE).parent.joinpath(build["context"]).resolve() == ROOT
        assert build["target"] == {"etl-jobs:local": "consumer", "etl-dbt:local": "dbt"}[image]


def test_every_image_of_ours_is_built_by_some_service():
    assert {one["image"] for one in OURS.values() if "build" in one} == {one["image"] for one in OURS.values()}


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_listens_beyond_this_machine(name):
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_no_two_listen_on_one_port():
    ports = [port.split(":")[1] for one in SERVICES.values() for port in one.get("ports", [])]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_can_happen(name):
    for other, how in SERVICES[name].get("depends_on", {}).items():
        condition = how["condition"]
        ends = SERVICES[other].get("restart") == "on-failure"
        assert condition == ("service_completed_successfully" if ends else "service_healthy")
        if condition == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"]


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_are_named_or_files_of_the_repository_to_be_read(name):
    for volume in SERVICES[name].get("volumes", []):
        source, target, *mode = volume.split(":")
        if source.startswith("."):
            assert (ROOT / FILE).parent.joinpath(source).exists(), source
            assert mode == ["ro"], target
        else:
            assert source in COMPOSE["volumes"]
    used = {volume.split(":")[0] for one in SERVICES.values() for volume in one.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used


@pytest.mark.parametrize("name", OURS)
def test_ours_run_with_no_rights(name):
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108
    assert not {"privileged", "user", "network_mode"} & set(service)


@pytest.mark.parametrize("name", OURS)
def test_ours_are_given_settings_that_hold(name):
    given = OURS[name]["environment"]
    assert set(given) <= SETTINGS | OTHERS
    Settings(**{key.lower(): value for key, value in given.items() if key in SETTINGS})


def test_the_consumer_and_the_loader_use_one_bucket_of_the_store_that_is_there():
    places = {name: OURS[name]["environment"] for name in ("bucket", "consumer", "loader")}
    for key in ("S3_ENDPOINT_URL", "S3_BUCKET_RAW_EVENTS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert len({environment[key] for environment in places.values()}) == 1
    store = SERVICES["store"]
    host, port = places["consumer"]["S3_ENDPOINT_URL"].removeprefix("http://").split(":")
    assert host == "store"
    assert f"-s3.port={port}" in store["command"]
    assert f"http://127.0.0.1:{port}/" in store["healthcheck"]["test"][-1]
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert store["environment"][key] == places["consumer"][key]


def test_the_broker_is_where_the_consumer_looks_with_the_topic_that_it_reads():
    environment = OURS["consumer"]["environment"]
    host, port = environment["KAFKA_BOOTSTRAP_SERVERS"].split(":")
    assert f"--advertise-kafka-addr=internal://{host}:{port}," in " ".join(SERVICES[host]["command"])
    assert environment["KAFKA_TOPIC_EVENTS_RAW"] in SERVICES["topic"]["entrypoint"]
    assert f"brokers={host}:{port}" in SERVICES["topic"]["command"]
    assert SERVICES["topic"]["image"] == SERVICES[host]["image"], "one version of rpk and broker"


def test_dbt_and_the_loader_share_the_warehouse():
    assert OURS["dbt"]["volumes"] == OURS["loader"]["volumes"] == ["warehouse:/data"]
    assert OURS["dbt"]["environment"]["DUCKDB_PATH"] == OURS["loader"]["environment"]["DUCKDB_PATH"]
    assert OURS["loader"]["environment"]["DUCKDB_PATH"].startswith("/data/")
    assert "-o ingest -g ingest /data" in (ROOT / "Dockerfile").read_text(), "a volume takes the folder's owner"


def test_commands_are_such_as_the_programs_take():
    command, *arguments = OURS["loader"]["command"]
    assert OURS["loader"]["entrypoint"] == ["ingest"]
    typer.main.get_command(app).commands[command].make_context(command, list(arguments))
    command, *arguments = OURS["dbt"]["command"]
    folder = ["--profiles-dir", str(ROOT / "dbt_project"), "--project-dir", str(ROOT / "dbt_project")]
    dbt.commands[command].make_context(command, [*arguments, *folder])


@pytest.mark.parametrize("name", ["consumer", "loader"])
def test_a_stop_has_the_time_that_it_takes(name):
    grace = re.fullmatch(r"(\d+)s", OURS[name]["stop_grace_period"])
    assert grace
    assert int(grace[1]) > default("SHUTDOWN_GRACE_SECONDS")


def test_pages_are_where_prometheus_and_people_look():
    jobs = {
        one["job_name"]: one["static_configs"][0]["targets"]
        for one in document("infra/prometheus/prometheus.yaml")["scrape_configs"]
    }
    port = default("HTTP_PORT")
    assert jobs == {"ingest-consumer": [f"consumer:{port}"], "ingest-loader": [f"loader:{port}"]}
    assert [OURS[name]["ports"][0].split(":")[-1] for name in ("consumer", "loader")] == [str(port)] * 2
    assert f"--http-port={port}" in OURS["loader"]["command"]


def test_grafana_finds_its_data_and_its_dashboard():
    provisioning = "infra/grafana/provisioning"
    [source] = document(f"{provisioning}/datasources/prometheus.yaml")["datasources"]
    name, port = source["url"].removeprefix("http://").split(":")
    assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]
    [provider] = document(f"{provisioning}/dashboards/ingest.yaml")["providers"]
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"] if volume.startswith("."))
    assert mounted["../grafana/ingest.json"] == f"{provider['options']['path']}/ingest.json"


# --- the bucket's script, against an S3 API ------------------------------------------------------------------------


def make_bucket(url: str, bucket: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "infra/docker/bucket.py")],
        env=os.environ | CREDENTIALS | {"S3_ENDPOINT_URL": url, "S3_BUCKET_RAW_EVENTS": bucket},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_bucket_is_made_once(s3, monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    assert make_bucket(s3.url, "made-for-compose") == "made-for-compose was made\n"
    assert make_bucket(s3.url, "made-for-compose") == "made-for-compose is there\n"
    probe(open_store("s3://made-for-compose/events", endpoint_url=s3.url, region="us-west-2"))
    assert Path(ROOT / "infra/docker/bucket.py").name in SERVICES["bucket"]["entrypoint"][-1]
