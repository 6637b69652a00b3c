"""The account of the demo: every record that was sent, wherever it is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ingest.database import query

Echo = Callable[[str], object]

_COUNTS: Final = """
    select
        (select count(*) from raw.raw_events) as loaded,
        (select count(*) from (select distinct _topic_id, _partition, _offset from raw.raw_events)) as distinct_rows,
        (select count(*) from staging.stg_events) as events,
        (select count(*) from staging.stg_removed_duplicates) as duplicates,
        (select count(*) from staging.stg_quarantined_records) as quarantined,
        (select sum(total_events)::bigint from analytics.minute_metrics) as counted,
        (select sum(total_events)::bigint from analytics.session_metrics) as in_sessions,
        (select count(*) from staging.stg_events where event_type = 'heartbeat') as heartbeats
"""
_REASONS: Final = "select _error, count(*) from raw.raw_events where _error is not null group by all order by all"
_BUSIEST: Final = """
    select
        strftime(minute_timestamp, '%Y-%m-%d %H:%M') as "minute (UTC)",
        count(distinct (tenant_id, learner_id)) as learners,
        sum(total_events)::bigint as events,
        sum(lessons_completed)::bigint as lessons,
        sum(items_answered)::bigint as items,
        round(sum(time_spent_seconds) / 60.0, 1) as "minutes spent"
    from analytics.minute_metrics
    group by minute_timestamp
    order by events desc, minute_timestamp
    limit 5
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the account: two figures that must be equal, and what they are."""

    what: str
    of: str
    expected: int
    found: int

    @property
    def balances(self) -> bool:
        """Whether they are."""
        return self.expected == self.found


def account_of(
    events: int, sent: Mapping[str, Any], stored: Mapping[str, Any], truth: Mapping[str, Any], warehouse: Path
) -> list[Line]:
    """What was sent, stored, loaded and modelled, against what the generator knows of its events.

    `sent` and `stored` are what `ingest produce` and `ingest consume` said, `truth` what the generator wrote.
    """
    columns, rows = query(warehouse, _COUNTS)
    counts = dict(zip(columns, rows[0], strict=True))
    reasons = dict(query(warehouse, _REASONS)[1])
    malformed, again = sum(truth["malformed"].values()), truth["duplicates"] + truth["conflicts"]
    return [
        Line("acknowledged by the broker", "records sent", events, sent["records"]),
        Line("stored in objects", "records sent", events, stored["records"]),
        Line("loaded into the warehouse", "records sent", events, counts["loaded"]),
        Line("different (topic, partition, offset)", "records sent", events, counts["distinct_rows"]),
        Line(
            "quarantined, each for the right reason",
            "made malformed",
            malformed,
            agreeing(truth["malformed"], reasons),
        ),
        Line("removed as duplicates", "sent again", again, counts["duplicates"]),
        Line("events in the models", "different events", truth["distinct_events"], counts["events"]),
        Line(
            "counted in minutes, but for heartbeats",
            "of them",
            counts["events"] - counts["heartbeats"],
            counts["counted"],
        ),
        Line("counted in sessions", "in minutes", counts["counted"], counts["in_sessions"]),
    ]


def agreeing(expected: Mapping[str, int], found: Mapping[str, int]) -> int:
    """How many quarantined rows there are, less those with a reason that is none or too often given."""
    return sum(min(count, expected.get(reason, 0)) for reason, count in found.items())


def show(echo: Echo, warehouse: Path, account: Sequence[Line]) -> None:
    """Tell the account, what is in quarantine, and what happened in the busiest minutes."""
    echo(f"\n{'The account':40} {'found':>11}   {'expected':>11}")
    for line in account:
        sign = "=" if line.balances else "≠"
        echo(f"  {line.what:38} {line.found:>11,} {sign} {line.expected:>11,} {line.of}")
    echo("\nQuarantined, by reason, with the bytes kept")
    reasons: dict[str, int] = {}
    for error, count in query(warehouse, _REASONS)[1]:
        reason = error.partition(":")[0]
        reasons[reason] = reasons.get(reason, 0) + count
    echo("  " + "   ".join(f"{reason} {count}" for reason, count in reasons.items()))
    echo("\nThe five busiest minutes (analytics.minute_metrics)")
    columns, rows = query(warehouse, _BUSIEST)
    _table(echo, columns, [[str(cell) for cell in row] for row in rows])


def _table(echo: Echo, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        echo("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
