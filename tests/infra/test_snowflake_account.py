# ruff: noqa: S608 - statements are made of names of our own
"""The set-up, the check and verification against the nearest server: objects of an S3 API, pipes of the stand-in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from ingest import ddl
from ingest.jobs import Counts, JobType, Run, object_of
from tests.chains import NOW
from tests.fixtures_s3 import s3_credentials  # noqa: F401 - a fixture
from tests.infra.snowflake_account import SnowflakeAccount, account
from tests.services.s3 import S3Server
from tests.services.snowflake import SnowflakeServer, snowflake_server
from tests.services.snowpipe import ENDPOINT

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def server(s3: S3Server) -> Iterator[SnowflakeServer]:
    with patch.dict(os.environ, {ENDPOINT: s3.url}), snowflake_server() as running:
        yield running


@pytest.fixture
def empty(server: SnowflakeServer, s3: S3Server, credentials: None) -> SnowflakeAccount:
    return account(server, s3)


@pytest.fixture
def site(empty: SnowflakeAccount) -> SnowflakeAccount:
    """An account that is set up, with two chains whose objects are loaded."""
    empty.run()
    empty.notify([*empty.put(0), *empty.put(1)])
    return empty


def checks(site: SnowflakeAccount, *words: str, **environment: str) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """The exit code of `ingest snowflake check`, and each check's state, word and remedy."""
    code, output, errors = site.ingest("snowflake", "check", "--output", "json", *words, **environment)
    assert output, errors
    return code, {one["check"]: (one["state"], one["said"], one["next"]) for one in json.loads(output)["checks"]}


def verify(site: SnowflakeAccount, *words: str) -> tuple[int, list[tuple[str, str | None]]]:
    code, output, errors = site.ingest("verify", "--without", "broker", "--output", "json", *words)
    assert output, errors
    return code, [(one["kind"], one["key"]) for one in json.loads(output)["discrepancies"]]


# --- the set-up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retention", ["06_retention", "06_retention_task"])
def test_the_setup_runs_twice_and_can_be_taken_away_and_made_again(empty, retention):
    parts = [retention if part == "06_retention" else part for part in empty.setup.parts]
    empty.run(*parts)
    before = empty.sql(f"select * from {empty.setup.names['tenant_access']}")
    empty.run(*parts)
    assert empty.sql(f"select * from {empty.setup.names['tenant_access']}") == before
    assert len(before) == 1
    empty.run("teardown")
    empty.run(*parts)


def test_a_second_run_keeps_what_is_loaded_and_what_pipes_remember(site):
    count = f"select count(*) from {site.setup.names['raw_events']}"
    assert site.sql(count) == [(24,)]
    salt = site.sql(f"select salt from {site.setup.names['salt']}")
    site.run()
    site.notify([entry.key for entry in site.store.list()])
    assert site.sql(count) == [(24,)]
    assert site.sql(f"select salt from {site.setup.names['salt']}") == salt


def test_parts_out_of_order_are_missed_by_name(empty):
    with pytest.raises(Exception, match="LOADER' does not exist"):
        empty.run("05_pipes")


def test_an_object_is_in_the_table_as_it_is_in_the_bucket(site):
    names = ", ".join(name for name in ddl.RAW_EVENTS if name not in ("_loaded_at", "_ingested_at"))
    rows = site.sql(f"select {names} from {site.setup.names['raw_events']} where _partition = 0 order by _offset")
    assert len(rows) == 12
    row = dict(zip(names.split(", "), rows[5], strict=True))
    assert (row["event_id"], row["_offset"], row["_file_row"], row["_error"]) == ("e5", 5, 2, None)
    assert row["_file"] == "events/events_raw/id-1/partition=00000/00000000000000000004.parquet"


# --- the check -------------------------------------------------------------------------------------------------


def test_a_sound_account_passes_every_check(site):
    code, found = checks(site)
    assert {name: state for name, (state, *_) in found.items() if state != "ok"} == {
        "pipe job_runs: state": "warning"  # no job record has come yet
    }
    assert code == 0
    assert found["objects"][1] == "6 of 6 loaded, 0 on their way"
    assert found["times"][1].startswith("20 times of events_raw/id-1/partition=0000")
    assert "6 objects of 0.0" in found["pipe raw_events: cost"][1]
    text = site.ingest("snowflake", "check")[1]
    assert text.startswith("ok       sign-in ")


def test_an_account_that_is_not_set_up_says_which_part_to_run(empty):
    empty.sql(f"create schema {empty.setup.names.database}.raw")
    code, found = checks(empty)
    assert code == 3
    assert "03_raw" in found["table raw_events"][2]
    assert "05_pipes" in found["pipes"][2]
    assert found["objects"][0] == "skipped"


DAMAGES = {
    "table raw_events": (
        "alter table {raw_events} drop column session_id",
        "lacks session_id",
        "add column session_id",
    ),
    "file format": (
        "alter file format {file_format} set use_logical_type = false",
        "year 55 million",
        "set use_logical",
    ),
    "pipe raw_events: state": (
        "alter pipe {raw_events_pipe} set pipe_execution_paused = true",
        "PAUSED, 0 objects wait",
        "set pipe_execution_paused = false",
    ),
    "times": (
        "update {raw_events} set occurred_at = dateadd(hour, -8, occurred_at)",
        "(-8.0 hours)",
        "timestamp_ltz",
    ),
    "objects": ("delete from {raw_events} where 1 = 0", "", ""),
}


@pytest.mark.parametrize("name", [name for name in DAMAGES if name != "objects"])
def test_what_is_wrong_is_found_and_named_and_nothing_else(site, name):
    statement, said, remedy = DAMAGES[name]
    site.sql(statement.format_map(site.setup.names.all()))
    code, found = checks(site)
    assert code == 3
    assert [one for one, (state, *_) in found.items() if state == "failed"] == [name]
    assert said in found[name][1]
    assert remedy in found[name][2]


def test_times_that_are_no_instants_are_refused(empty):
    wrong = {name: kind.replace("_ltz", "_ntz") for name, kind in ddl.RAW_EVENTS.items()}
    empty.sql(f"create schema {empty.setup.names.database}.raw")
    columns = ", ".join(f"{name} {kind}" for name, kind in wrong.items())
    empty.sql(f"create table {empty.setup.names['raw_events']} ({columns})")
    _, found = checks(empty)
    assert found["table raw_events"][0] == "failed"
    assert "occurred_at" in found["table raw_events"][1]


def test_an_object_that_could_not_be_loaded_is_named_until_it_is(site):
    key = "events_raw/id-1/partition=00002/00000000000000000000.parquet"
    site.client().put_object(Bucket=site.bucket, Key=f"events/{key}", Body=b"no Parquet")
    site.notify([key])
    code, found = checks(site)
    assert code == 3
    failed = [one for one, (state, *_) in found.items() if state == "failed"]
    assert failed == ["pipe raw_events: errors"]
    assert f"1 of 7 objects could not be loaded: {key}: " in found["pipe raw_events: errors"][1]


def test_an_object_that_nobody_told_the_pipe_of_waits_and_is_late_after_half_an_hour(site):
    site.put(0, batches=1)
    code, found = checks(site)
    assert (code, found["objects"][1]) == (0, "6 of 7 loaded, 1 on their way")


def test_a_pipe_that_differs_from_the_rendered_one_wants_replacing(site):
    other = (
        site.setup.pipe("raw_events").replace("if not exists ", "").replace("create pipe", "create or replace pipe")
    )
    site.sql(other.replace("on_error = skip_file", "on_error = continue"))
    _, found = checks(site)
    assert found["pipe raw_events: definition"][0] == "warning"
    assert found["pipe raw_events: definition"][2] == "ingest snowflake replace-pipe raw_events"


def test_another_stage_than_the_store_is_refused(site):
    code, found = checks(site, "--store", f"s3://{site.bucket}/other")
    assert code == 3
    assert found["stage"][0] == "failed"


def test_a_way_to_sign_in_that_lacks_something_is_told_before_anything_is_asked(site):
    code, _, errors = site.ingest("snowflake", "check", SNOWFLAKE_AUTHENTICATOR="snowflake_jwt")
    assert code == 2
    assert "SNOWFLAKE_PRIVATE_KEY_PATH is not set" in errors
    code, _, errors = site.ingest("snowflake", "check", SNOWFLAKE_HOST="http://127.0.0.1:9")
    assert code == 3
    assert errors.splitlines()[-2].startswith("error: stand-in/"), errors
    assert errors.splitlines()[-1].startswith("next:  Is SNOWFLAKE_ACCOUNT right"), errors


# --- verification ------------------------------------------------------------------------------------------------


def test_what_pipes_have_loaded_is_sound(site):
    assert verify(site, "--complete") == (0, [])
    assert verify(site, "--complete", "--deep") == (0, [])
    code, output, _ = site.ingest("verify", "--without", "broker")
    assert code == 0
    assert f"warehouse  snowflake: stand-in/{site.setup.names.database}\n" in output
    assert "Sound: 6 objects" in output


def test_job_records_come_by_their_own_pipe(site):
    record = object_of(Run(JobType.INGEST, "test", NOW, "ab12").ended(NOW, Counts(3, 0, 10)))
    site.store.put_if_absent(record.key, record.body, record.metadata)
    site.notify([record.key])
    assert site.sql(f"select job_type, status, records_processed from {site.setup.names['job_runs']}") == [
        ("ingest", "completed", 3)
    ]
    assert verify(site, "--complete") == (0, [])


def test_what_is_missing_doubled_or_not_loaded_is_named(site):
    first, second, third = (f"events_raw/id-1/partition=00000/{n:020d}.parquet" for n in (0, 4, 8))
    table = site.setup.names["raw_events"]
    site.sql(f"delete from {table} where _file = 'events/{first}' and _offset = 2")
    site.sql(f"insert into {table} select * from {table} where _file = 'events/{second}' and _offset = 5")
    (late,) = site.put(1, batches=1)
    site.client().delete_object(Bucket=site.bucket, Key=f"events/{third}")
    code, found = verify(site, "--complete")
    assert code == 4
    assert sorted(found) == sorted(
        [("rows_missing", first), ("rows_doubled", second), ("object_missing", third), ("not_loaded", late)]
    )


def test_an_object_that_could_not_be_loaded_is_a_discrepancy_until_it_is_loaded(site):
    site.sql(f"alter table {site.setup.names['raw_events']} drop column session_id")
    (key,) = site.put(1, batches=1)
    site.notify([key])
    code, found = verify(site)
    assert (code, found) == (4, [("load_failed", key)])


def test_rows_are_believed_where_the_history_no_longer_reaches(site):
    """Snowflake forgets loads after a year; the rows still know their objects."""
    site.sql("delete from _fs_global.main.stand_in_copy_history where file_name like '%partition=00000%'")
    site.sql(f"update {site.setup.names['raw_events']} set _loaded_at = '2020-01-01' where _partition = 0")
    assert verify(site) == (0, [])
    site.sql(f"delete from {site.setup.names['raw_events']} where _partition = 0 and _offset = 2")
    code, found = verify(site)
    assert (code, [kind for kind, _ in found]) == (4, ["count_wrong"])
