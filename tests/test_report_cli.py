"""`ingest report` where it can't be made: what is said, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.reported import ingest


@pytest.fixture
def raw_only(tmp_path: Path) -> Path:
    """A warehouse that was loaded into, and where dbt never ran."""
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema raw")
        connection.execute("create table raw.raw_events (event_id varchar)")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "names", "remedy"),
    [
        (("--warehouse", "nowhere.duckdb"), 2, "no warehouse nowhere.duckdb", "ingest load"),
        ((), 2, "no warehouse data/warehouse.duckdb", "ingest load"),
        (("--warehouse", "warehouse.duckdb"), 3, "no analytics.content_mastery_trends", "dbt build"),
        (("--warehouse", "warehouse.duckdb", "--out", "."), 2, ". is a folder", "--out"),
        (("--warehouse", "warehouse.duckdb", "--out", "no/such/page.html"), 2, "no folder no/such", "--out"),
        (("--warehouse", "warehouse.duckdb", "--from", "snowflake"), 2, "two warehouses", "one of them"),
        (("--from", "snowflake"), 2, "SNOWFLAKE_ACCOUNT", ""),
        (("--from", "paper"), 2, "paper", ""),
    ],
)
def test_what_is_wrong_is_named_with_the_next_step(words, code, names, remedy, raw_only):
    found, output, errors = ingest("report", *words, folder=raw_only)
    assert (found, output) == (code, ""), errors
    assert names in errors
    assert remedy in errors
    assert "Traceback" not in errors
    assert sorted(path.name for path in raw_only.iterdir()) == ["warehouse.duckdb"]


def test_a_file_that_is_no_warehouse_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database")
    code, _, errors = ingest("report", "--warehouse", "notes.txt", folder=tmp_path)
    assert code == 3
    assert "notes.txt" in errors
    assert "Traceback" not in errors


def test_without_the_extra_it_says_what_to_install(raw_only):
    hidden = (
        "import sys; sys.modules['altair'] = None; sys.argv = ['ingest', 'report', '--warehouse', 'warehouse.duckdb']"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{hidden}; import ingest.cli; ingest.cli.main()"],
        cwd=raw_only,
        env={name: value for name, value in os.environ.items() if not name.startswith("SNOWFLAKE")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "altair" in done.stderr
    assert "report" in done.stderr.split("next:")[1]
