"""The rendered set-up: its syntax by two parsers, and its agreement with all that it must agree with."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lark.exceptions import LarkError

from ingest import ddl, layout, tables
from ingest.events import SCHEMA
from ingest.jobs import JOB_SCHEMA
from ingest.pipe_admin import plain
from ingest.settings import Settings
from tests.infra.snowflake_setups import ERRORS, ROLE, setup
from tests.infra.snowflake_syntax import (
    UNKNOWN_TO_SQLFLUFF,
    parse_by_reference,
    parse_by_sqlfluff,
    statements,
)

ROOT = Path(__file__).parents[2]
PARTS = (*ddl.PARTS, *ddl.OTHER_PARTS)
SETUPS = {"with errors": setup(**ERRORS), "without": setup(), "standard": setup(enterprise=False)}
STATEMENTS = {
    f"{part}-{number}": statement
    for part in PARTS
    for number, statement in enumerate(statements(SETUPS["with errors"].render(part)))
}


@pytest.mark.parametrize("name", SETUPS)
@pytest.mark.parametrize("part", PARTS)
def test_our_grammar_of_snowflakes_reference_parses_every_statement(name, part):
    found = [parse_by_reference(statement) for statement in statements(SETUPS[name].render(part))]
    assert found


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_sqlfluff_parses_every_statement(statement):
    known = not statement.lower().startswith(UNKNOWN_TO_SQLFLUFF)
    if known:
        parse_by_sqlfluff(statement)
    else:  # once it does, take the statement out of the list
        with pytest.raises(AssertionError):
            parse_by_sqlfluff(statement)


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_misspelled_word_is_no_statement(statement):
    """Every keyword and option in turn, but for those of a query, which only Snowflake knows all of."""
    head = re.split(r"->|\bas\s+select\b|\bas\s+begin\b|\$\$|\bselect 'AIVO", statement)[0]
    words = [word for word in re.finditer(r"'[^']*'|[\w.]*[A-Z][\w.]*|[a-z_$]{3,}", head) if word[0][0].islower()]
    names = {"loaded_at", "learner_id", "tenant", "accountadmin", "sysadmin", "snowflake", "usage_viewer", "salt"}
    columns = {*ddl.RAW_EVENTS, *ddl.JOB_RUNS, "role_name", "tenant_id", "_file"}
    for word in words:
        if word[0] not in names | columns | {"raw", "staging", "intermediate", "analytics", "privacy"}:
            wrong = f"{statement[: word.start()]}{word[0][:-1]}q{statement[word.end() :]}"
            with pytest.raises((LarkError, AssertionError)):
                parse_by_reference(wrong)


@pytest.mark.parametrize("part", PARTS)
def test_the_committed_files_are_those_of_the_defaults(part):
    committed = (ROOT / f"infra/snowflake/{part}.sql").read_text()
    assert committed == setup().render(part), "run: make generate"


def test_there_are_no_other_files():
    assert {path.stem for path in (ROOT / "infra/snowflake").glob("*.sql")} == set(PARTS)


def test_the_example_of_the_environment_is_that_of_the_settings():
    made = subprocess.run(
        [sys.executable, "-m", "ingest", "config", "--example"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (ROOT / ".env.example").read_text() == made.stdout, "run: make generate"
    named = re.findall(r"^#([A-Z][A-Z_0-9]+)=", made.stdout, re.M)
    assert [name for name in named if not name.startswith(("AWS_ACC", "AWS_SEC", "AWS_SES"))] == [
        name.upper() for name in Settings.model_fields
    ]
    assert not re.search(r"=.*[\"'#]", made.stdout), "docker takes quotes and comments as part of the value"


def test_the_setup_of_the_defaults_is_that_of_the_settings():
    settings = Settings(snowflake_storage_role_arn=ROLE)
    assert setup().stage_url == f"{settings.store_url}/"
    assert setup().names == ddl.Names(settings.snowflake_name_prefix, settings.snowflake_database)
    assert (setup().credit_quota, setup().raw_retention_months) == (
        settings.snowflake_credit_quota,
        settings.raw_retention_months,
    )
    assert setup().enterprise == (settings.snowflake_edition == "enterprise")


# --- agreement -------------------------------------------------------------------------------------------------


def test_columns_are_those_of_the_objects_and_of_duckdb():
    origin = ["_file", "_file_row", "_loaded_at"]
    assert list(ddl.RAW_EVENTS) == [*SCHEMA, *origin] == list(tables.RAW_COLUMNS)
    assert list(ddl.JOB_RUNS) == [*JOB_SCHEMA, *origin] == list(tables.JOB_COLUMNS)
    required = {name for name, kind in ddl.RAW_EVENTS.items() if kind.endswith("not null")}
    assert required == {name for name, kind in tables.RAW_COLUMNS.items() if kind.endswith("NOT NULL")}


@pytest.mark.parametrize(("columns", "schema"), [(ddl.RAW_EVENTS, SCHEMA), (ddl.JOB_RUNS, JOB_SCHEMA)])
def test_types_hold_what_objects_hold(columns, schema):
    kinds = {pl.String: "varchar", pl.Int32: "number(10, 0)", pl.Int64: "number(19, 0)", pl.Binary: "binary"}
    for name, kind in schema.items():
        expected = "timestamp_ltz" if isinstance(kind, pl.Datetime) else kinds[kind]
        assert columns[name].startswith(expected), name


def test_columns_are_those_that_dbt_reads_and_documents():
    source = yaml.safe_load((ROOT / "dbt_project/models/staging/raw.yml").read_text())["sources"][0]
    declared = {table["name"]: [column["name"] for column in table["columns"]] for table in source["tables"]}
    assert declared["raw_events"] == list(ddl.RAW_EVENTS)
    assert declared["job_runs"] == list(ddl.JOB_RUNS)
    read = (ROOT / "dbt_project/models/staging/base_raw_events.sql").read_text()
    names = re.findall(r"^    (?:\{\{ utc\('(\w+)'\) \}\} as )?(\w+),?$", read, re.M)
    assert [name for _, name in names] == list(ddl.RAW_EVENTS)
    converted = {name for name, _ in names if name}
    assert converted == {name for name, kind in ddl.RAW_EVENTS.items() if kind.startswith("timestamp")}


def test_a_monitor_sees_no_learner_and_no_payload():
    hidden = {
        "learner_id",
        "session_id",
        "data",
        "metadata",
        "_raw",
        "event_id",
        "tenant_id",
        "event_type",
        "schema_version",
    }
    assert set(ddl.RECORDS) == set(ddl.RAW_EVENTS) - hidden
    granted = re.findall(r"^grant (.+) to role AIVO_MONITOR;", setup().render("04_grants"), re.M)
    assert "select on view AIVO_ANALYTICS.RAW.RECORDS" in granted
    assert not [one for one in granted if "RAW_EVENTS" in one and not one.startswith("references")]
    assert not [one for one in granted if re.search(r"select on (all|future)", one)]


def test_the_reporter_reads_analytics_and_nothing_else():
    granted = re.findall(r"^grant (.+) to role AIVO_REPORTER;", setup().render("04_grants"), re.M)
    places = {place for one in granted for place in re.findall(r"AIVO_ANALYTICS\.(\w+)", one)}
    assert places == {"analytics"}
    assert {one.split(" on ")[0] for one in granted} == {"usage", "select"}


def test_nobody_may_delete_but_the_loader():
    rights = "\n".join(SETUPS["with errors"].render(part) for part in ddl.PARTS)
    may = set(re.findall(r"^grant [^;]*\b(?:delete|truncate|ownership|update)\b[^;]* to role (\w+);", rights, re.M))
    assert may == {"AIVO_LOADER"}


@pytest.mark.parametrize("part", ["06_retention", "06_retention_task"])
def test_the_retention_is_the_settings(part):
    assert set(re.findall(r"dateadd\(month, -(\d+),", setup(raw_retention_months=24).render(part))) == {"24"}
    assert set(re.findall(r"dateadd\(month, -(\d+),", setup().render(part))) == {str(Settings().raw_retention_months)}


def test_what_remembers_is_never_replaced():
    """A replaced pipe loads twice, a replaced integration is refused by AWS, a replaced table has lost its rows."""
    for part in ddl.PARTS:
        replaced = re.findall(r"create or replace (\w+)", SETUPS["with errors"].render(part))
        assert set(replaced) <= {"view", "task"}, part


def test_names_of_an_account_begin_with_the_prefix():
    text = "\n".join(setup(names=ddl.Names("QX", "OTHER"), **ERRORS).render(part) for part in PARTS)
    assert "AIVO" not in text
    made = re.findall(r"create (?:role|warehouse|user|resource monitor|\w+ integration) if not exists (\w+)", text)
    assert len(made) == 14
    assert all(name.startswith("QX_") for name in made)
    taken = set(re.findall(r"^drop (?!database|task)[a-z ]+ if exists (\w+);", text, re.M))
    assert taken == set(made)


def test_the_standard_edition_has_no_policies_and_a_day_of_time_travel():
    assert "07_privacy" not in SETUPS["standard"].parts
    assert "data_retention_time_in_days = 1" in SETUPS["standard"].render("02_database")


def test_no_service_user_has_a_password():
    text = setup().render("01_account")
    assert text.count("create user") == text.count("type = service") == 3
    assert "password =" not in text.lower()


def test_the_page_names_what_the_setup_makes():
    page = (ROOT / "docs/snowflake.md").read_text()
    names = set(setup().names.all().values())
    for name in re.findall(r"\bAIVO_[A-Z_]+(?:\.[A-Z_]+)*", page):
        known = name in names | {"AIVO_ANALYTICS", "AIVO_SERVICES"} or name.startswith("AIVO_ANALYTICS.ANALYTICS.")
        assert known, name
    wanted = setup().copy_into("raw_events").replace("\npattern = '" + ddl.EVENTS_PATTERN + "'", "")
    (shown,) = re.findall(r"^(copy into [^;]+);", page, re.M)
    assert plain(shown.replace("files = ('<the object>') force = true", "")) == plain(wanted)
    for part in PARTS:
        assert part in page or part.split("_")[0] in page, part
    for setting in re.findall(r"\b(?:SNOWFLAKE|S3|AWS|KAFKA|RAW|BATCH|FLUSH|PARQUET)_[A-Z_0-9]+\b", page):
        of_snowflake = setting.endswith(("_IAM_USER_ARN", "_EXTERNAL_ID", "_PIPE", "_EVENTS", "_OBJECTS"))
        assert of_snowflake or setting.lower() in Settings.model_fields, setting


# --- which keys a pipe takes -------------------------------------------------------------------------------------

SEGMENT = st.text("abcXYZ_-.09", min_size=1, max_size=8)
CHAINS = st.builds(
    "{}/{}/partition={:05d}/{:020d}.parquet".format, SEGMENT, SEGMENT, st.integers(0, 99999), st.integers(0, 2**63)
)
RECOVERED = st.builds(lambda key, number: f"_recovered/{key[:-8]}-{number:04d}.parquet", CHAINS, st.integers(0, 9999))
JOBS = st.builds(
    "_jobs/{}/20261126T000000Z-{:x}/{:06d}.parquet".format,
    st.sampled_from(["ingest", "load", "retention"]),
    st.integers(0, 2**32),
    st.integers(0, 999999),
)
OTHERS = st.sampled_from(["_probe/canary-1", "_probe/accepted-00-11", "notes.txt", "a/b/c.parquet", "x.parquet.tmp"])


@given(st.one_of(CHAINS, RECOVERED, JOBS, OTHERS))
def test_pipes_take_the_keys_that_the_loader_takes(key):
    kind = layout.kind_of(key)
    taken = {
        "events": re.fullmatch(ddl.EVENTS_PATTERN, f"events/{key}") is not None,
        "jobs": re.fullmatch(ddl.JOBS_PATTERN, f"events/{key}") is not None,
    }
    assert taken == {"events": kind in (layout.Kind.OBJECT, layout.Kind.RECOVERED), "jobs": kind is layout.Kind.JOB}
    for name, table in (("raw_events", "events"), ("job_runs", "jobs")):
        (pattern,) = re.findall(r"pattern = '([^']+)'", setup().copy_into(name))
        assert bool(re.fullmatch(pattern, key)) == taken[table]
