from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2] / "dbt_project"


def parsed(folder: Path, target: str, **more: str) -> Path:
    """The manifest that `dbt parse` writes for a target, without any account."""
    words = ["--quiet", "--log-level-file", "none", "parse", "--target", target, "--target-path", str(folder)]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SNOWFLAKE_", "DUCKDB_"))
    }
    subprocess.run(
        [Path(sys.executable).with_name("dbt"), *words, "--log-path", str(folder)],
        cwd=PROJECT,
        env=environment | more,
        check=True,
    )
    return folder / "manifest.json"


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's manifest, written anew."""
    return parsed(tmp_path_factory.mktemp("parsed"), "local")


@pytest.fixture
def content(manifest: Path) -> dict[str, Any]:
    """The manifest, to be changed by a test."""
    return json.loads(manifest.read_bytes())
