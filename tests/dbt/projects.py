"""Copies of the dbt project, to be changed by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.dbt.running import PROJECT


def copied(folder: Path) -> Path:
    """A copy at `folder`, which is not there yet, without what dbt has left in the project."""
    return Path(shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb")))


def change(path: Path, right: str, wrong: str) -> None:
    """Put a fault into a file; what it replaces must be there."""
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
