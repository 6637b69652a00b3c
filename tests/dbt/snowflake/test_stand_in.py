# ruff: noqa: S608 - statements are made of this file's own names
"""The stand-in does as Snowflake does where fakesnow alone does not, seen through Snowflake's own connector."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import ProgrammingError

from tests.services.snowflake import SnowflakeServer, snowflake_server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as running:
        yield running


@pytest.fixture
def database() -> str:
    return f"DATABASE_{next(_numbers)}"


@pytest.fixture
def cursor(server: SnowflakeServer, database: str) -> Iterator[SnowflakeCursor]:
    """One in a schema with a table `s.t` of the numbers 1 and 2."""
    with server.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute("create schema s")
        cursor.execute("create table s.t as select 1 as n union all select 2")
        yield cursor


def numbers(cursor: SnowflakeCursor, table: str = "s.t") -> list[int]:
    return sorted(n for (n,) in cursor.execute(f"select n from {table}").fetchall())


def test_a_temporary_table_may_have_a_schema(cursor: SnowflakeCursor, database: str) -> None:
    cursor.execute(f"create or replace temporary table {database}.s.t__dbt_tmp as (select * from {database}.s.t)")
    assert numbers(cursor, f"{database}.s.t__dbt_tmp") == [1, 2]
    assert [row[0] for row in cursor.execute(f"describe table {database}.s.t__dbt_tmp").fetchall()] == ["N"]
    cursor.execute(f"drop table if exists {database}.s.t__dbt_tmp cascade")
    with pytest.raises(ProgrammingError, match="does not exist"):
        cursor.execute(f"select * from {database}.s.t__dbt_tmp")


def test_a_merge_takes_aliases_and_counts(cursor: SnowflakeCursor, database: str) -> None:
    cursor.execute(
        "create table s.target as select 1 as k, 'old' as v union all select 2, 'old' union all select 9, 'old'"
    )
    cursor.execute(
        "create table s.source as select 1 as k, 'new' as v union all select 3, 'new' union all select 9, null"
    )
    counts = cursor.execute(
        f"merge into {database}.s.target as DBT_INTERNAL_DEST using {database}.s.source as DBT_INTERNAL_SOURCE "
        "on ((DBT_INTERNAL_SOURCE.k = DBT_INTERNAL_DEST.k)) "
        "when matched and DBT_INTERNAL_SOURCE.v is null then delete "
        'when matched then update set "V" = DBT_INTERNAL_SOURCE."V" '
        'when not matched then insert ("K", "V") values ("K", "V")'
    ).fetchall()
    assert (counts, cursor.rowcount) == ([(1, 1, 1)], 3)
    assert sorted(cursor.execute("select * from s.target").fetchall()) == [(1, "new"), (2, "old"), (3, "new")]


def test_a_transaction_goes_on_after_a_statement_that_failed(cursor: SnowflakeCursor) -> None:
    cursor.execute("begin")
    cursor.execute("insert into s.t values (3)")
    with pytest.raises(ProgrammingError):
        cursor.execute("insert into s.t select * from s.nowhere")
    cursor.execute("begin")
    assert numbers(cursor) == [1, 2, 3]
    cursor.execute("rollback")
    assert numbers(cursor) == [1, 2]


def test_ddl_commits_what_went_before(cursor: SnowflakeCursor) -> None:
    cursor.execute("begin")
    cursor.execute("delete from s.t where n = 1")
    cursor.execute("create or replace view s.v as select 1 as a")
    cursor.execute("rollback")
    assert numbers(cursor) == [2]


def test_a_session_that_ends_rolls_back(server: SnowflakeServer, cursor: SnowflakeCursor, database: str) -> None:
    with server.connect(database) as other:
        other.cursor().execute("begin")
        other.cursor().execute(f"delete from {database}.s.t")
    cursor.execute("delete from s.t where n = 1")
    assert numbers(cursor) == [2]


@pytest.mark.parametrize(
    "sql",
    [
        "insert into s.c values (null)",  # an error of DuckDB's that fakesnow has no word for
        "select [1, 2] as a",  # a type that it can't describe
        "select 1 from",  # no SQL
        "/* nothing */;",
    ],
)
def test_a_statement_that_fails_is_not_tried_again(cursor: SnowflakeCursor, sql: str) -> None:
    cursor.execute("create table s.c (n number(38, 0) not null)")
    with pytest.raises(ProgrammingError):
        cursor.execute(sql)
    assert numbers(cursor) == [1, 2]


def test_a_table_made_by_a_query_keeps_its_constraints(cursor: SnowflakeCursor) -> None:
    for _ in range(2):  # the second time the statement is known
        cursor.execute(
            "create or replace table s.c (n number(38, 0) not null, m varchar) as (select 1 as n, 'x' as m)"
        )
        with pytest.raises(ProgrammingError, match="NOT NULL"):
            cursor.execute("insert into s.c values (null, 'x')")


@pytest.mark.parametrize(
    "sql",
    [
        "grant select on s.t to role reporter",
        "revoke select on s.t from role reporter",
        "use role reporter",
        "use warehouse some_warehouse",
        "alter session set query_tag = 'dbt'",
        "alter session unset query_tag",
        "comment on table s.t is $$numbers$$",
        "comment on view s.v is $$the view's numbers$$",
        'alter table s.t alter\n "N" COMMENT $$a number$$, "M" COMMENT $$$$;',
        "alter table s.t cluster by (n)",
        "alter table s.t resume recluster",
        "create or replace secure view s.w copy grants as (select * from s.t)",
        "create or replace transient table s.u copy grants as (select * from s.t)",
        "alter table s.t rename to s.renamed",
        "truncate table s.t",
    ],
)
def test_what_dbt_sends_passes(cursor: SnowflakeCursor, sql: str) -> None:
    cursor.execute('/* {"app": "dbt"} */ ' + sql)
    assert len(cursor.fetchall()) == 1


def test_what_dbt_asks_before_is_answered(cursor: SnowflakeCursor) -> None:
    assert cursor.execute("show grants on s.t").fetchall() == []
    assert {column[0] for column in cursor.description} == {"privilege", "granted_to", "grantee_name"}
    assert len(cursor.execute("show parameters like 'query_tag' in session").fetchall()) == 1
    assert cursor.execute("select current_warehouse() as warehouse").fetchall() == [("AIVO_TRANSFORM_WH",)]


def test_a_block_returns_the_error_of_its_statement(cursor: SnowflakeCursor) -> None:
    block = "execute immediate $$\nbegin\n    {};\nexception\n    when other then\n        return sqlerrm;\nend;\n$$"
    cursor.execute(block.format("insert into s.t values (3)"))
    assert "NOWHERE" in cursor.execute(block.format("insert into s.nowhere values (1)")).fetchall()[0][0]
    assert numbers(cursor) == [1, 2, 3]


def test_members_of_json_are_text_without_quotes(cursor: SnowflakeCursor) -> None:
    row = cursor.execute(
        "select cast(get(j, 'a') as varchar), cast(get(j, 'b') as varchar), cast(get(j, 'c') as varchar) "
        """from (select try_parse_json('{"a": "x", "b": null, "c": 7}') as j)"""
    ).fetchone()
    assert row == ("x", None, "7")


def test_a_member_that_stands_twice_counts_once_or_not_at_all(cursor: SnowflakeCursor) -> None:
    text = """'{"a": 1, "a": 2}'"""
    row = cursor.execute(
        f"select try_parse_json({text}), cast(get(try_parse_json({text}, 'd'), 'a') as varchar)"
    ).fetchone()
    assert row == (None, "2")


def test_sums_are_exact_and_null_times_are_null(cursor: SnowflakeCursor) -> None:
    [row] = cursor.execute(
        "select sum(x), max(case when x > 0.15 then moment end), max(case when x > 9 then moment end) "
        "from (select 0.1 as x, '2025-09-05 10:00:00.000001'::timestamp_ntz as moment union all select 0.2, null "
        "union all select 0.3, '2025-09-05 10:00:00.000002'::timestamp_ntz)"
    ).fetchall()
    assert row == (Decimal("0.6"), datetime(2025, 9, 5, 10, 0, 0, 2), None)
    times = cursor.execute("select column1::timestamp_ntz from values (null), ('2025-09-05')").fetchall()
    assert times == [(None,), (datetime(2025, 9, 5),)]


def test_a_known_statement_is_carried_out_anew(cursor: SnowflakeCursor) -> None:
    assert numbers(cursor) == [1, 2]
    cursor.execute("insert into s.t values (3)")
    assert numbers(cursor) == [1, 2, 3]
    cursor.execute("insert into s.t values (3)")
    assert numbers(cursor) == [1, 2, 3, 3]
