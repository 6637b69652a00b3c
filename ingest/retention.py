"""How long things are kept: the three figures of the settings, and the times that they mean.

Months are months of the calendar, as dbt's SQL has them: a day that a month lacks becomes its last one. S3 counts
days, so a lifecycle rule gets as many as these months can have at the most: never fewer than the calendar's.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

#: The most days that so many months in a row can have.
_LONGEST: Final = (0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337)


@dataclass(frozen=True, slots=True)
class Retention:
    """Months for objects and raw rows, years for aggregates, days that real-time views look back.

    A horizon is a time, aware in UTC, as of `now`: what is older is past its retention.
    """

    raw_months: int
    aggregate_years: int
    realtime_days: int

    @property
    def object_days(self) -> int:
        """What a lifecycle rule says in place of the months."""
        return longest_days(self.raw_months)

    def raw_horizon(self, now: datetime) -> datetime:
        """Of objects, by when they were stored, and of raw rows, by when they were loaded."""
        return months_before(now, self.raw_months)

    def rule_horizon(self, now: datetime) -> datetime:
        """Of objects in a bucket, whose lifecycle rules count days."""
        return now - timedelta(days=self.object_days)

    def aggregate_horizon(self, now: datetime) -> datetime:
        """Of aggregates, by their own date."""
        return months_before(now, 12 * self.aggregate_years)

    def realtime_horizon(self, now: datetime) -> datetime:
        """Of what real-time views show, by its date."""
        return now - timedelta(days=self.realtime_days)

    def variables(self) -> dict[str, int]:
        """The same figures under the names of the dbt project's vars."""
        return {
            "raw_retention_months": self.raw_months,
            "aggregate_retention_years": self.aggregate_years,
            "realtime_view_days": self.realtime_days,
        }


def months_before(time: datetime, months: int) -> datetime:
    """The same day and hour so many months earlier, or the last day of a shorter month."""
    year, month = divmod(12 * time.year + time.month - 1 - months, 12)
    return time.replace(year=year, month=month + 1, day=min(time.day, monthrange(year, month + 1)[1]))


def longest_days(months: int) -> int:
    """At least as many days as any such stretch of the calendar has; as infra/aws/retention.tf reckons."""
    years, rest = divmod(months, 12)
    return 365 * years + -(-years // 4) + _LONGEST[rest]
