"""What Snowflake answers about pipes, read: answers in the form of its documentation, as nobody here can ask it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.ddl import Names
from ingest.errors import WarehouseError, WarehouseUnseen
from ingest.snowpipe import Load, LoadState, Snowpipe

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY = "events_raw/id-1/partition=00000/00000000000000000000.parquet"
NAMES = Names("AIVO", "AIVO_ANALYTICS")
#: Snowflake's own example of SYSTEM$PIPE_STATUS, with an error in it.
STATUS = """{
    "executionState": "STALLED_STAGE_PERMISSION_ERROR", "pendingFileCount": 3,
    "notificationChannelName": "arn:aws:sqs:us-west-2:123456789012:sf-x", "numOutstandingMessagesOnChannel": 2,
    "lastReceivedMessageTimestamp": "2026-11-26T11:59:00.000Z",
    "lastForwardedMessageTimestamp": "2026-11-26T11:58:00.000Z", "error": "the role may not read the stage"
}"""


class Answers:
    """A session that gives these answers, by a word of the question; an error is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, []

    def select(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        self.asked.append((statement, list(parameters)))
        for word, answer in self.answers.items():
            if word in statement:
                if isinstance(answer, Exception):
                    raise answer
                return list(answer)
        raise AssertionError(statement)

    def records(self, statement: str, parameters: Any = ()) -> list[dict[str, Any]]:
        return self.answers["show"]


def pipes(prefix: str = "/events", **answers: Any) -> Snowpipe:
    return Snowpipe(Answers(**answers), NAMES, prefix)  # type: ignore[arg-type]


UNSEEN = WarehouseUnseen("account_usage: not authorized")


@pytest.mark.parametrize(
    ("file", "prefix"),
    [
        (f"events/{KEY}", "/events"),
        (KEY, "/events"),
        (f"/events/{KEY}", "/events/"),
        (KEY, ""),
        (f"a/b/{KEY}", "a/b"),
    ],
)
def test_a_file_is_the_key_in_the_store_with_the_prefix_or_without(file: str, prefix: str) -> None:
    assert pipes(prefix).key_of(file) == KEY


@pytest.mark.parametrize(
    ("status", "error", "state", "reason"),
    [
        ("Loaded", None, LoadState.LOADED, None),
        ("LOADED", None, LoadState.LOADED, None),
        ("Load in progress", None, LoadState.UNDER_WAY, None),
        ("LOAD_IN_PROGRESS", None, LoadState.UNDER_WAY, None),
        ("Load failed", "no Parquet", LoadState.FAILED, "no Parquet"),
        ("Load failed", None, LoadState.FAILED, "Load failed"),
        ("Partially loaded", "row 3", LoadState.FAILED, "row 3"),
        ("Load skipped", None, LoadState.FAILED, "Load skipped"),
    ],
)
def test_what_became_of_a_load(status: str, error: str | None, state: LoadState, reason: str | None) -> None:
    row = (f"events/{KEY}", NOW, 4, 900, status, error)
    found = pipes(information_schema=[row], account_usage=UNSEEN).loads("raw_events", NOW)
    assert found == [Load(KEY, NOW, 4, 900, state, reason)]


def test_both_histories_make_one_and_a_load_that_both_know_counts_once() -> None:
    pacific = NOW.astimezone(tz=None)
    old = (f"events/{KEY}", NOW - timedelta(days=40), None, None, "Load failed", "x")
    recent = (f"events/{KEY}", pacific, 4, 900, "Loaded", None)
    found = pipes(account_usage=[old, recent], copy_history=[recent]).loads("raw_events", NOW)
    assert [(load.at, load.state) for load in found] == [
        (NOW - timedelta(days=40), LoadState.FAILED),
        (NOW, LoadState.LOADED),
    ]


def test_a_history_that_this_role_may_not_see_is_left_out_and_any_other_failure_is_not() -> None:
    assert pipes(account_usage=UNSEEN, copy_history=[]).loads("job_runs", NOW) == []
    with pytest.raises(WarehouseError, match="took too long"):
        pipes(account_usage=WarehouseError("took too long"), copy_history=[]).loads("job_runs", NOW)


def test_the_recent_history_is_asked_for_within_its_reach_and_the_older_one_of_this_table_alone() -> None:
    session = Answers(account_usage=[], copy_history=[])
    Snowpipe(session, NAMES, "events").loads("raw_events", NOW)  # type: ignore[arg-type]
    (recent, (table, since)), (older, given) = session.asked
    assert table == "AIVO_ANALYTICS.RAW.RAW_EVENTS"
    assert timedelta(days=13) < NOW - since < timedelta(days=14)
    assert given == ["AIVO_ANALYTICS", "RAW_EVENTS", "RAW_EVENTS"]
    assert "max(created)" in older
    assert "coalesce(last_load_time, pipe_received_time)" in recent


def test_the_state_of_a_pipe() -> None:
    state = pipes(pipe_status=[(STATUS,)]).state("raw_events")
    assert (state.state, state.running, state.paused) == ("STALLED_STAGE_PERMISSION_ERROR", False, False)
    assert (state.pending, state.messages, state.error) == (3, 2, "the role may not read the stage")
    assert state.last_message == datetime(2026, 11, 26, 11, 58, tzinfo=UTC)
    quiet = pipes(pipe_status=[('{"executionState":"RUNNING","pendingFileCount":0}',)]).state("raw_events")
    assert (quiet.running, quiet.last_message, quiet.error) == (True, None, None)


def test_pipes_by_name_with_columns_that_come_and_go() -> None:
    row = {"name": "RAW_EVENTS_PIPE", "definition": "copy into t from @s", "created_on": NOW, "owner": "AIVO_LOADER"}
    found = pipes(show=[row]).pipes()["RAW_EVENTS_PIPE"]
    assert (found.channel, found.error_integration, found.created) == (None, None, NOW)
