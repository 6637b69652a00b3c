"""What the deployment's files hold, as the tests here look at it."""

from __future__ import annotations

import json
import re
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.metrics import METRICS, Kind
from ingest.settings import Settings

ROOT = Path(__file__).parents[2]

#: The environment variables that are ours.
SETTINGS = frozenset(name.upper() for name in Settings.model_fields)
#: Those of what we stand on: boto3, dbt, dbt_project/profiles.yml, Python, and the two images' own.
OTHERS = frozenset(
    (
        *re.findall(r"env_var\('(\w+)'", (ROOT / "dbt_project/profiles.yml").read_text()),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"),
        *("DBT_TARGET", "DBT_TARGET_PATH", "DBT_LOG_PATH", "DBT_LOG_FORMAT", "DBT_USE_COLORS"),
        *("PATH", "HOME", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"),
    )
)


def default(setting: str) -> Any:
    """The default of a setting, by its environment variable."""
    return Settings.model_fields[setting.lower()].default


@cache
def documents(path: str) -> list[dict[str, Any]]:
    """The YAML documents of a file of the repository."""
    return [one for one in yaml.safe_load_all((ROOT / path).read_text()) if one]


def document(path: str) -> dict[str, Any]:
    [only] = documents(path)
    return only


def env_file(path: str) -> dict[str, str]:
    """NAME=VALUE lines."""
    lines = (ROOT / path).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def needed(tool: str) -> str:
    """Where a tool is, beside this Python or on PATH; the test is skipped, visibly, where it is not."""
    place = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    return place or pytest.skip(f"{tool} is not installed")


def panels() -> list[dict[str, Any]]:
    return json.loads((ROOT / "infra/grafana/ingest.json").read_text())["panels"]


#: The samples of each metric, with the labels that they have.
SAMPLES: dict[str, frozenset[str]] = {
    metric.name + suffix: frozenset((*metric.labels, *(["le"] if suffix == "_bucket" else [])))
    for metric in METRICS
    for suffix in (("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",))
} | {"up": frozenset()}
#: What Prometheus adds to each.
TARGET = frozenset({"job", "instance"})
