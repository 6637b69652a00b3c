"""The manifests: valid as Kubernetes' own schemas have it, and in agreement with the program that they run."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from dbt.cli.main import cli as dbt

import ingest
from ingest.cli import app
from ingest.settings import Settings
from tests.infra.manifests import OTHERS, ROOT, SETTINGS, TARGET, default, document, documents, env_file, needed
from tests.infra.queries import metrics_of

BASE = "infra/k8s/base"
FILES = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "infra/k8s").rglob("*.yaml") if path.name != "kustomization.yaml"
)
#: Kinds that operators bring; no schema of Kubernetes' own says what they hold.
OPERATORS = {"ScaledObject", "PodMonitor"}
#: The oldest that the project is for, and the newest known.
VERSIONS = ["1.31", kubernetes_validate.latest_version()]

Manifest = dict[str, Any]
CONSUMER = document(f"{BASE}/consumer.yaml")
JOBS = [document(f"{BASE}/dbt-build.yaml"), document(f"{BASE}/dbt-retention.yaml")]
VERIFY = document(f"{BASE}/verify.yaml")


def pod_of(manifest: Manifest) -> Manifest:
    """The pod that a Deployment or a CronJob makes."""
    spec = manifest["spec"]
    return (spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec)["template"]


PODS = {one["metadata"]["name"]: pod_of(one) for one in (CONSUMER, *JOBS, VERIFY)}


@cache
def built(folder: str) -> list[Manifest]:
    done = subprocess.run(
        [needed("kubectl"), "kustomize", str(ROOT / "infra/k8s" / folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def valid(manifest: Manifest) -> None:
    for version in VERSIONS:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("path", FILES)
def test_a_manifest_is_valid(path):
    kinds = {manifest["kind"] for manifest in documents(path)}
    for manifest in documents(path):
        if manifest["kind"] not in OPERATORS:
            valid(manifest)
    assert kinds


def test_an_invalid_manifest_would_be_noticed():
    wrong = yaml.safe_load((ROOT / BASE / "consumer.yaml").read_text())
    wrong["spec"]["template"]["spec"]["terminationGracePeriodSecond"] = 90
    with pytest.raises(kubernetes_validate.ValidationError):
        valid(wrong)


@pytest.mark.parametrize("folder", ["base", "overlays/example"])
def test_kustomize_builds_what_is_valid(folder):
    for manifest in built(folder):
        if manifest["kind"] not in OPERATORS:
            valid(manifest)


def test_every_file_is_in_the_example():
    written = {(one["kind"], one["metadata"]["name"]) for path in FILES for one in documents(path)}
    found = {(one["kind"], one["metadata"]["name"]) for one in built("overlays/example")}
    assert written <= found
    assert {kind for kind, _ in found - written} == {"ConfigMap"}


def test_the_example_changes_images_namespace_and_settings():
    manifests = built("overlays/example")
    assert {one["metadata"].get("namespace") for one in manifests} == {"learner-events"}
    images = {
        container["image"]
        for one in manifests
        if one["kind"] in ("Deployment", "CronJob")
        for container in pod_of(one)["spec"]["containers"]
    }
    version = ingest.__version__
    assert images == {f"registry.example.com/etl-jobs:{version}", f"registry.example.com/etl-dbt:{version}"}
    [settings] = [
        one["data"]
        for one in manifests
        if one["kind"] == "ConfigMap" and one["metadata"]["name"].startswith("ingest-consumer-")
    ]
    assert settings["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert settings["HTTP_HOST"] == "0.0.0.0"  # noqa: S104
    [deployment] = [one for one in manifests if one["kind"] == "Deployment"]
    assert "replicas" not in deployment["spec"], "KEDA's to say"


def test_images_are_those_of_the_dockerfile_at_this_version():
    built_as = re.findall(r"^#   docker build .*-t ([\w-]+) ", (ROOT / "Dockerfile").read_text(), re.M)
    named = document(f"{BASE}/kustomization.yaml")["images"]
    assert sorted(one["name"] for one in named) == sorted(built_as)
    assert {one["newTag"] for one in named} == {ingest.__version__}
    used = {container["image"] for pod in PODS.values() for container in pod["spec"]["containers"]}
    assert used == set(built_as)


def test_settings_are_settings_and_hold():
    given = env_file(f"{BASE}/consumer.env")
    assert set(given) <= SETTINGS
    Settings(**{name.lower(): value for name, value in given.items()})
    assert set(env_file(f"{BASE}/dbt.env")) <= SETTINGS | OTHERS
    literals = [
        line.split("=", 1)
        for one in document("infra/k8s/overlays/example/kustomization.yaml")["configMapGenerator"]
        for line in one["literals"]
    ]
    assert {name for name, _ in literals} <= SETTINGS
    Settings(**{name.lower(): value for name, value in [*given.items(), *literals]})


def test_settings_are_those_that_the_docs_give_as_defaults():
    """Whoever reads the ConfigMap and leaves out a line gets the same."""
    apart = {"KAFKA_BOOTSTRAP_SERVERS", "HTTP_HOST", "LOG_FORMAT"}
    for name, value in env_file(f"{BASE}/consumer.env").items():
        if name not in apart:
            assert float(value) == default(name) if value.isdigit() else value == default(name), name


def test_probes_ask_pages_that_are_served():
    [container] = PODS["ingest-consumer"]["spec"]["containers"]
    served = set(re.findall(r'"(/\w+)": ', (ROOT / "ingest/cli/serving.py").read_text()))
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: one["path"] for kind, one in asked.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    assert {one["path"] for one in asked.values()} | {"/metrics"} <= served
    [port] = container["ports"]
    assert {one["port"] for one in asked.values()} == {port["name"]}
    assert port["containerPort"] == default("HTTP_PORT") == int(env_file(f"{BASE}/consumer.env")["HTTP_PORT"])
    notes = PODS["ingest-consumer"]["metadata"]["annotations"]
    assert (notes["prometheus.io/port"], notes["prometheus.io/path"]) == (str(port["containerPort"]), "/metrics")


def test_a_stop_has_the_time_that_the_consumer_takes():
    s3 = (ROOT / "ingest/s3.py").read_text()
    request = sum(int(seconds) for seconds in re.findall(r"(?:connect|read)_timeout=(\d+)", s3))
    assert request > 0
    grace = float(env_file(f"{BASE}/consumer.env")["SHUTDOWN_GRACE_SECONDS"])
    assert PODS["ingest-consumer"]["spec"]["terminationGracePeriodSeconds"] > grace + request + 5


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_a_pod_has_no_rights_that_it_does_not_need(pod):
    spec = pod["spec"]
    user = int(re.findall(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.M)[0])
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108
    accounts = {one["metadata"]["name"] for one in documents(f"{BASE}/serviceaccounts.yaml")}
    assert spec["serviceAccountName"] in accounts


def test_the_example_is_the_service_account_that_the_role_in_aws_trusts():
    example = document("infra/k8s/overlays/example/kustomization.yaml")
    account = f"system:serviceaccount:{example['namespace']}:{PODS['ingest-consumer']['spec']['serviceAccountName']}"
    assert account in (ROOT / "infra/aws/terraform.tfvars.example").read_text()


def selectors(manifest: Manifest) -> Iterator[Manifest]:
    """Everything in a manifest that picks pods by labels."""
    for name, value in manifest.items():
        if name in ("selector", "podSelector", "labelSelector"):
            yield value
        elif isinstance(value, dict):
            yield from selectors(value)
        elif isinstance(value, list):
            yield from (found for one in value if isinstance(one, dict) for found in selectors(one))


def test_whatever_picks_pods_finds_some():
    labels = [pod["metadata"]["labels"] for pod in PODS.values()]
    names = {one["app.kubernetes.io/name"] for one in labels}
    picking = [selector for path in FILES for one in documents(path) for selector in selectors(one)]
    assert len(picking) >= 6
    for selector in picking:
        for expression in selector.get("matchExpressions", []):
            assert set(expression["values"]) <= names
        wanted = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
        assert any(wanted.items() <= one.items() for one in labels), selector


def test_configuration_and_secrets_that_pods_use_are_made_or_told_of():
    generated = {one["name"] for one in document(f"{BASE}/kustomization.yaml")["configMapGenerator"]}
    told = (ROOT / "docs/deployment.md").read_text()
    for pod in PODS.values():
        for container in pod["spec"]["containers"]:
            for source in container["envFrom"]:
                if "configMapRef" in source:
                    assert source["configMapRef"]["name"] in generated
                else:
                    assert f"create secret generic {source['secretRef']['name']} " in told
        for volume in pod["spec"]["volumes"]:
            if "secret" in volume:
                assert f"create secret generic {volume['secret']['secretName']} " in told
    path = env_file(f"{BASE}/dbt.env")["SNOWFLAKE_PRIVATE_KEY_PATH"]
    mounts = pod_of(JOBS[0])["spec"]["containers"][0]["volumeMounts"]
    assert path.rsplit("/", 1)[0] in {mount["mountPath"] for mount in mounts}
    assert path.rsplit("/", 1)[1] in told


def test_metrics_come_under_the_name_that_alerts_and_dashboard_go_by():
    monitor = document("infra/k8s/components/podmonitor/podmonitor.yaml")["spec"]
    job = PODS["ingest-consumer"]["metadata"]["labels"][monitor["jobLabel"]]
    assert f'job="{job}"' in (ROOT / "infra/prometheus/alerts.yaml").read_text()
    [port] = PODS["ingest-consumer"]["spec"]["containers"][0]["ports"]
    assert [(one["port"], one["path"]) for one in monitor["podMetricsEndpoints"]] == [(port["name"], "/metrics")]


def test_scaling_goes_by_lag_and_stays_between_its_bounds():
    scaled = document("infra/k8s/components/autoscaling/scaledobject.yaml")["spec"]
    [trigger] = scaled["triggers"]
    assert metrics_of(trigger["metadata"]["query"]) == {"ingest_lag_records": {"job"}}
    assert {"job"} <= TARGET
    assert CONSUMER["metadata"]["name"] == scaled["scaleTargetRef"]["name"]
    assert scaled["minReplicaCount"] <= CONSUMER["spec"]["replicas"] <= scaled["maxReplicaCount"]
    assert scaled["fallback"]["replicas"] <= scaled["maxReplicaCount"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"


@pytest.mark.parametrize("job", [*JOBS, VERIFY], ids=lambda job: job["metadata"]["name"])
def test_a_job_runs_once_at_a_time_and_ends(job):
    spec = job["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert len(spec["schedule"].split()) == 5
    assert spec["startingDeadlineSeconds"] >= 60, "below 10 s the controller misses runs"
    assert 0 < spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 7200
    assert pod_of(job)["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["metadata"]["name"])
def test_a_dbt_job_has_a_command_that_dbt_takes(job):
    [container] = pod_of(job)["spec"]["containers"]
    command, *arguments = container["args"]
    folder = ["--profiles-dir", str(ROOT / "dbt_project"), "--project-dir", str(ROOT / "dbt_project")]
    dbt.commands[command].make_context(command, [*arguments, *folder])


def test_the_other_pods_have_commands_that_ingest_takes():
    for name in ("ingest-consumer", "ingest-verify"):
        [container] = PODS[name]["spec"]["containers"]
        assert container.get("command", ["ingest"]) == ["ingest"]
        command, *arguments = container["args"]
        typer.main.get_command(app).commands[command].make_context(command, list(arguments))


@pytest.mark.parametrize(("job", "codes"), [(JOBS[0], {1}), (VERIFY, {2, 4})], ids=["dbt-build", "verify"])
def test_what_would_fail_again_is_not_tried_again(job, codes):
    spec = job["spec"]["jobTemplate"]["spec"]
    [failed, gone] = spec["podFailurePolicy"]["rules"]
    assert (failed["action"], set(failed["onExitCodes"]["values"])) == ("FailJob", codes)
    assert failed["onExitCodes"]["containerName"] == pod_of(job)["spec"]["containers"][0]["name"]
    assert gone["action"] == "Ignore"
    assert spec["backoffLimit"] > 0


def test_retention_calls_the_projects_own_macro():
    [container] = pod_of(JOBS[1])["spec"]["containers"]
    macro = container["args"][1]
    assert f"macro {macro}(apply=false" in (ROOT / f"dbt_project/macros/{macro}.sql").read_text()
    assert yaml.safe_load(container["args"][3]) == {"apply": True}
