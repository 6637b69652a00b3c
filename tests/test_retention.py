"""The three figures: the same in settings, dbt and Terraform; calendar months; days that never come too early."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingest.cli.retention_site import retention_of
from ingest.retention import Retention, longest_days, months_before
from ingest.settings import Settings

ROOT = Path(__file__).parents[1]
DAYS = st.datetimes(datetime(2016, 1, 1), datetime(2110, 1, 1))


def test_settings_dbt_and_terraform_say_the_same() -> None:
    declared = yaml.safe_load((ROOT / "dbt_project/dbt_project.yml").read_text())["vars"]
    ours = retention_of(Settings()).variables()
    assert {name: declared[name] for name in ours} == ours
    terraform = (ROOT / "infra/aws/variables.tf").read_text()
    months = re.search(r'variable "raw_retention_months" \{.*?default +=\s+(\d+)', terraform, re.S)
    assert months is not None
    assert int(months[1]) == ours["raw_retention_months"]


def test_terraform_counts_the_same_days() -> None:
    text = (ROOT / "infra/aws/retention.tf").read_text()
    longest = re.search(r"longest_months += \[([\d, ]+)\]", text)
    assert longest is not None
    assert [int(days) for days in longest[1].split(",")] == [longest_days(months) for months in range(12)]
    assert "local.whole_years * 365" in text
    assert "ceil(local.whole_years / 4)" in text
    assert longest_days(18) == 550


@pytest.mark.parametrize(
    ("now", "months", "before"),
    [
        ("2026-11-26", 18, "2025-05-26"),
        ("2026-08-31", 18, "2025-02-28"),
        ("2025-08-31", 18, "2024-02-29"),
        ("2026-03-31", 1, "2026-02-28"),
        ("2026-12-31", 12, "2025-12-31"),
        ("2024-02-29", 84, "2017-02-28"),
        ("2026-01-01", 1, "2025-12-01"),
        ("2026-01-15", 25, "2023-12-15"),
    ],
)
def test_months_are_of_the_calendar(now: str, months: int, before: str) -> None:
    assert months_before(datetime.fromisoformat(now), months) == datetime.fromisoformat(before)


@given(now=DAYS, months=st.integers(1, 130))
def test_months_are_those_of_the_models(now: datetime, months: int) -> None:
    """dbt's SQL deletes from staging by the same months."""
    (row,) = CONNECTION.execute(f"select ?::timestamp - interval {months} month", [now]).fetchall()
    assert months_before(now, months) == row[0]


CONNECTION = duckdb.connect()


@given(stored=DAYS, months=st.integers(1, 130), later=st.integers(0, 2000))
def test_a_lifecycle_rule_never_takes_what_the_months_keep(stored: datetime, months: int, later: int) -> None:
    """On the day that the rule takes an object, and ever after, the calendar's months are over."""
    now = stored + timedelta(days=longest_days(months) + later)
    assert months_before(now, months) >= stored


@pytest.mark.parametrize("months", range(1, 61))
def test_a_rule_is_not_days_late(months: int) -> None:
    """For some day of four years the days are exactly the months', or a leap day more."""
    days = (datetime(2023, 1, 1) + timedelta(days=number) for number in range(4 * 366))
    most = max((day - months_before(day, months)).days for day in days)
    assert longest_days(months) - 1 <= most <= longest_days(months)


def test_horizons() -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    retention = Retention(18, 7, 90)
    assert retention.raw_horizon(now) == datetime(2025, 5, 26, 12, tzinfo=UTC)
    assert retention.rule_horizon(now) == now - timedelta(days=550)
    assert retention.aggregate_horizon(now) == datetime(2019, 11, 26, 12, tzinfo=UTC)
    assert retention.realtime_horizon(now) == datetime(2026, 8, 28, 12, tzinfo=UTC)
