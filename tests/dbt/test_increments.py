"""What an incremental run must mend, each case by itself: what came before is changed by what comes now."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.dbt.running import Row, Warehouse

DAY = datetime(2025, 9, 5)
MINUTES = (
    "select learner_id, session_id, strftime(minute_timestamp, '%H:%M'), total_events::int, time_spent_seconds::int "
    "from analytics.minute_metrics order by 1, 2, 3"
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dbt.*")


def event(offset: int, clock: str, load: int, **changes: object) -> Row:
    """A page view of one learner without a session id, received a second later, in the load of that number."""
    at = datetime.combine(DAY, datetime.strptime(clock, "%H:%M:%S").time())
    received = at + timedelta(seconds=1)
    return {
        "event_id": f"e{offset}",
        "event_type": "page_view",
        "occurred_at": at,
        "learner_id": "ada",
        "tenant_id": "default",
        "data": "{}",
        "metadata": "{}",
        "schema_version": "1.0",
        "_topic": "t",
        "_topic_id": "t",
        "_partition": 0,
        "_offset": offset,
        "_kafka_timestamp": received,
        "_ingested_at": received,
        "_file": f"f{load}",
        "_file_row": offset,
        "_loaded_at": DAY + timedelta(days=load),
        **changes,
    }


def minutes_after(folder: Path, *loads: list[Row]) -> list[tuple[object, ...]]:
    warehouse = Warehouse(folder)
    warehouse.create()
    warehouse.dbt("seed")
    for rows in loads:
        warehouse.load(rows)
        warehouse.dbt("run")
    return warehouse.rows(MINUTES)


def test_late_event_joins_two_sessions(tmp_path: Path) -> None:
    rows = minutes_after(
        tmp_path,
        [event(0, "10:00:00", 1), event(1, "10:31:00", 1)],
        [event(2, "10:01:00", 2)],
    )
    expected = [("10:00", 1, 60), ("10:01", 1, 60), *((f"10:0{m}", 0, 60) for m in range(2, 6)), ("10:31", 1, 0)]
    assert rows == [("ada", None, *row) for row in expected]


def test_first_copy_that_arrives_later_moves_the_event_to_its_learner(tmp_path: Path) -> None:
    """Nothing of the learner who had the event until now is new, and their only row must go."""
    kept = event(1, "10:00:00", 1, event_id="e", learner_id="bo")
    first = event(2, "09:00:00", 2, event_id="e")
    assert minutes_after(tmp_path, [kept], [first]) == [("ada", None, "09:00", 1, 0)]


def test_late_event_ends_a_capped_gap(tmp_path: Path) -> None:
    rows = minutes_after(
        tmp_path,
        [event(0, "10:00:00", 1, session_id="s"), event(1, "10:20:00", 1, session_id="s")],
        [event(2, "10:19:30", 2, session_id="s")],
    )
    expected = [*((f"10:0{m}", int(m == 0), 60) for m in range(5)), ("10:19", 1, 30), ("10:20", 1, 0)]
    assert rows == [("ada", "s", *row) for row in expected]


def test_record_loaded_again_changes_nothing(tmp_path: Path) -> None:
    rows = [event(0, "10:00:00", 1), event(1, "10:00:30", 1)]
    again = [row | {"_file": "f9", "_loaded_at": DAY + timedelta(days=9)} for row in rows]
    assert minutes_after(tmp_path, rows, again, again) == [("ada", None, "10:00", 2, 30)]
