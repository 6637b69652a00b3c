"""The two images: what goes in, who runs it, and how their health is asked."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import typer

from ingest.cli import app
from ingest.endpoint import Endpoint, json_page
from tests.infra.manifests import OTHERS, ROOT, SETTINGS, default, document, needed

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCKS = ROOT / "requirements"

Instruction = tuple[str, str]


def stages() -> dict[str, list[Instruction]]:
    """The instructions of each stage, by the stage's name; those before the first under ''."""
    text = "\n".join(line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#"))
    found: dict[str, list[Instruction]] = {"": []}
    name = ""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        verb, rest = line.split(None, 1)
        if verb == "FROM":
            name = rest.split(" AS ")[1]
            found[name] = []
        found[name].append((verb, " ".join(rest.split())))
    return found


STAGES = stages()


def said(stage: str, verb: str) -> list[str]:
    """What the instructions of this kind say, in a stage and in those that it is from."""
    parent = STAGES[stage][0][1].split(" AS ")[0]
    return (said(parent, verb) if parent in STAGES else []) + [rest for kind, rest in STAGES[stage] if kind == verb]


def environment(stage: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for line in said(stage, "ENV") for pair in shlex.split(line))


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9._-]+==[^ ]+", (LOCKS / lock).read_text(), re.M))


def test_the_linter_has_nothing_to_say():
    done = subprocess.run([needed("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_default_target_is_the_consumer():
    assert list(STAGES)[-1] == "consumer"
    assert json.loads(said("consumer", "ENTRYPOINT")[-1]) == ["ingest"]
    assert json.loads(said("consumer", "CMD")[-1]) == ["consume"]
    assert "consume" in typer.main.get_command(app).commands


def test_the_other_one_is_dbt():
    assert json.loads(said("dbt", "ENTRYPOINT")[-1]) == ["dbt"]
    assert json.loads(said("dbt", "CMD")[-1]) == ["build"]
    [workplace] = said("dbt", "WORKDIR")
    assert f"dbt_project/ {workplace}/" in said("dbt", "COPY")


@pytest.mark.parametrize("stage", ["consumer", "dbt"])
def test_an_image_runs_as_a_user_of_no_rights_by_number(stage):
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", said(stage, "USER")[-1])
    assert f"--uid {said(stage, 'USER')[-1].split(':')[0]}" in " ".join(said("base", "RUN"))


@pytest.mark.parametrize("stage", ["consumer", "dbt"])
def test_an_image_holds_nothing_that_builds(stage):
    assert not re.search(r"\bpip\b|\buv\b|apt-get|curl|wget", " ".join(said(stage, "RUN")))
    assert [line for line in said(stage, "COPY") if "--from=" in line] == [
        f"--from={stage}-environment /opt/venv /opt/venv"
    ]


@pytest.mark.parametrize("stage", ["consumer", "dbt"])
def test_the_environment_of_an_image_is_of_known_settings(stage):
    given = environment(stage)
    assert set(given) <= SETTINGS | OTHERS
    assert given["HTTP_HOST"] == "0.0.0.0"  # noqa: S104
    assert int(given["HTTP_PORT"]) == default("HTTP_PORT") == int(said(stage, "EXPOSE")[-1])


def test_whatever_is_installed_has_a_hash():
    runs = [run for stage in STAGES for run in said(stage, "RUN")]
    for run in runs:
        for command in re.split(r"&&|;", run):
            if re.search(r"\b(pip install|pip sync|uv build)\b", command) and "--no-index" not in command:
                assert "--require-hashes" in command, command
    for stage in ("consumer", "dbt"):
        assert f"--require-hashes requirements/{stage}.txt" in " ".join(said(f"{stage}-environment", "RUN"))


def test_the_locks_of_the_images_are_parts_of_the_whole_one():
    assert pins("consumer.txt") < pins("dbt.txt") < pins("all.txt")
    assert not [pin for pin in pins("consumer.txt") if re.match(r"dbt|duckdb|snowflake", pin)]
    names = {pin.split("==")[0] for pin in pins("dbt.txt")}
    assert names >= {"dbt-core", "dbt-snowflake", "dbt-duckdb", "duckdb", "boto3"}
    assert "//" not in (LOCKS / "dbt.txt").read_text()
    assert "-o requirements/dbt.txt" in (LOCKS / "compile.sh").read_text()


def test_the_base_is_a_published_python_that_the_project_supports():
    [image] = [rest for verb, rest in STAGES[""] if verb == "ARG"]
    version = re.fullmatch(r"PYTHON_IMAGE=python:(\d+)\.(\d+)-slim-\w+", image)
    assert version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"{version[1]}.{version[2]}" >= project["requires-python"].removeprefix(">=")


def allowed() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[lines.index("*") :][0] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def test_the_builder_gets_what_is_copied_and_no_more():
    copied = {
        source
        for stage in STAGES
        for line in said(stage, "COPY")
        if "--from" not in line
        for source in line.split()[:-1]
    }
    assert sorted(allowed()) == sorted(copied)
    assert all((ROOT / source).exists() for source in copied)


def test_the_wheel_has_all_that_its_project_file_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [project["project"]["readme"], *project["project"]["license-files"]]
    assert {*named, "pyproject.toml"} <= set(allowed())
    assert [f"{name}/" for name in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]] == ["ingest/"]


def test_labels_tell_what_an_image_is():
    for stage in ("consumer", "dbt"):
        labels = dict(pair.split("=", 1) for line in said(stage, "LABEL") for pair in shlex.split(line))
        assert {name.removeprefix("org.opencontainers.image.") for name in labels} == {
            *("vendor", "licenses", "version", "revision", "title", "description")
        }


def test_a_stop_has_the_time_that_the_consumer_takes():
    assert said("consumer", "STOPSIGNAL") == ["SIGTERM"]
    [seconds] = set(re.findall(r"--stop-timeout (\d+)", DOCKERFILE))
    assert int(seconds) > default("SHUTDOWN_GRACE_SECONDS")
    pod = document("infra/k8s/base/consumer.yaml")["spec"]["template"]["spec"]
    assert int(seconds) == pod["terminationGracePeriodSeconds"]


def test_the_example_of_an_environment_file_has_no_quotes():
    lines = (ROOT / ".env.example").read_text().splitlines()
    values = [match[1] for line in lines if (match := re.match(r"#?[A-Z][A-Z0-9_]*=(.*)", line))]
    assert values
    assert not [value for value in values if re.match(r"[\"'].*[\"']$", value)]


# --- the health check: the real script, asking real pages ---------------------------------------------------------


def ask(**environment: str) -> subprocess.CompletedProcess[str]:
    [check] = said("consumer", "HEALTHCHECK")
    program, script = json.loads(check.split(" CMD ")[1])
    assert program == "python"
    assert f"infra/docker/healthcheck.py {script}" in said("consumer", "COPY")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HTTP_")}
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "infra/docker" / Path(script).name)],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    status = request.param
    with Endpoint("127.0.0.1", 0, {"/health": lambda: json_page(status, {"status": status.phrase})}) as served:
        yield served


@pytest.mark.parametrize("endpoint", [HTTPStatus.OK], indirect=True)
@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "127.0.0.1"])  # noqa: S104
def test_it_is_well_when_health_says_so(endpoint, host):
    done = ask(HTTP_PORT=str(endpoint.port), HTTP_HOST=host, http_proxy="http://127.0.0.1:1")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"status": "OK"})


@pytest.mark.parametrize("endpoint", [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.NOT_FOUND], indirect=True)
def test_it_is_not_when_health_says_no(endpoint):
    assert ask(HTTP_PORT=str(endpoint.port)).returncode == 1


def test_it_is_not_when_nobody_answers_and_is_told_why():
    done = ask(HTTP_PORT="1")
    assert (done.returncode, done.stderr) == (1, "")
    assert "refused" in done.stdout


def test_where_no_page_is_served_nothing_is_asked():
    assert ask(HTTP_PORT="0").returncode == 0
