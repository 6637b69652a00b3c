"""What the reference is told: the dbt vars that change a figure, by their names and with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Settings:
    """`today` is the local date on which the two views are read; None reads them without their window."""

    session_gap_seconds: int = 1800
    explicit_session_max_gap_seconds: int = 14400
    active_gap_cap_seconds: int = 300
    reporting_timezone: str = "UTC"
    mastery_decay: float = 0.8
    mastery_prior: float = 0.5
    mastery_prior_weight: float = 1
    realtime_view_days: int = 90
    min_cohort_size: int = 1
    today: date | None = None
