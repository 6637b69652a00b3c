"""The demo as people run it: it balances, may be run again, and deletes nothing that is not its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.database import query
from ingest.demo_account import Line, agreeing

ROOT = Path(__file__).parent.parent


def demo(data: Path, *words: str, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "demo", "--events", "3000", "--data", str(data), *words],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def balanced(data: Path, *, again: bool) -> None:
    code, output = demo(data)
    assert code == 0, output
    assert "The account balances" in output
    assert ("of the last demo is made anew" in output) is again
    assert query(data / "warehouse.duckdb", "select count(*) from raw.raw_events")[1] == [(3000,)]


def test_the_account_balances_and_a_second_run_starts_anew_and_deletes_nothing_of_others(tmp_path):
    data = tmp_path / "data"
    balanced(data, again=False)
    mine = data / "objects/events_raw/mine/partition=00000/0.parquet"
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    code, output = demo(data)
    assert (code, mine.read_text()) == (2, "precious")
    assert "events_raw/mine is something that no demo has made" in output
    shutil.rmtree(data / "objects/events_raw/mine")
    balanced(data, again=True)


def test_the_account_balances_in_chaos_and_the_pages_are_there(tmp_path):
    code, output = demo(tmp_path / "data", "--chaos")
    assert code == 0, output
    assert "The account balances" in output
    for name, holds in (("report.html", "<svg"), ("models.html", "session_metrics")):
        assert f"{tmp_path}/data/{name}" in output
        assert holds in (tmp_path / "data" / name).read_text()
    [malformed] = query(
        tmp_path / "data/warehouse.duckdb", "select count(*) from raw.raw_events where _error is not null"
    )[1]
    assert malformed[0] > 3000 * 0.02


def test_a_folder_that_no_demo_has_made_is_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mine.txt").write_text("precious")
    code, output = demo(tmp_path / "data")
    assert (code, (tmp_path / "data/mine.txt").read_text()) == (2, "precious")
    assert "--data" in output


@pytest.mark.parametrize(("found", "agree"), [({"a": 2, "b": 1}, 3), ({"a": 3}, 2), ({"c": 3}, 0), ({}, 0)])
def test_quarantine_balances_only_reason_by_reason(found, agree):
    assert agreeing({"a": 2, "b": 1}, found) == agree
    assert Line("quarantined", "malformed", 3, agreeing({"a": 2, "b": 1}, found)).balances == (agree == 3)
