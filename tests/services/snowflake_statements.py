"""What the stand-in makes of statements before fakesnow sees them, each with what breaks otherwise."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import Expr, exp

from tests.services.snowflake_account import DONE

#: Statements that are answered and not carried out, as they begin, and the query that gives the answer.
_ANSWERS = (
    # For `grants` and `query_tag`. fakesnow knows neither rights nor tags: each is an error.
    (r"grant|revoke|alter\s+session\s+(set|unset)\s+query_tag", DONE),
    # For `persist_docs`. fakesnow does not read comments on columns, and ends one on a table at an apostrophe.
    (r"comment\s+on|alter\s+(table|view)\s+\S+\s+alter\s+\S+\s+comment", DONE),
    # dbt reads these columns before it grants: without them it fails with a KeyError.
    (
        r"show\s+grants",
        'select * from (select null as "privilege", null as "granted_to", null as "grantee_name") where 1 = 0',
    ),
    # dbt reads the first row, and fakesnow has none.
    (r"show\s+parameters\s+like\s+'query_tag'", "select 'QUERY_TAG' as \"key\", '' as \"value\""),
)
_COMMENTS = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
_FLAGS = re.IGNORECASE | re.DOTALL
_PATTERNS = [(re.compile(rf"{_COMMENTS}(?:{begin})(?!\w)", _FLAGS), answer) for begin, answer in _ANSWERS]

#: A statement whose error is returned and not raised: the one block that dbt sends here. fakesnow has no scripting.
_BLOCK = re.compile(
    _COMMENTS + r"execute\s+immediate\s+\$\$\s*begin\s+(?P<statement>[^;]+);\s*"
    r"exception\s+when\s+other\s+then\s+return\s+sqlerrm\s*;\s*end\s*;?\s*\$\$",
    _FLAGS,
)


def instead(command: str) -> str:
    """The query that answers a statement of which fakesnow has no notion; any other statement, as it is."""
    return next((answer for pattern, answer in _PATTERNS if pattern.match(command)), command)


def guarded(command: str) -> str | None:
    """The statement of a block that catches every error of it; None if the command is no such block."""
    block = _BLOCK.match(command)
    return block["statement"] if block else None


def rewritten(expression: Expr) -> Expr:
    """The statement with what fakesnow and DuckDB lack, or understand differently, put in other words."""
    if isinstance(expression, exp.Create) and (properties := expression.args.get("properties")):
        _make_lasting(properties)
    for member in list(expression.find_all(exp.GetExtract)):
        _take_by_path(member)
    for kind in expression.find_all(exp.DataType):
        if kind.this == exp.DataType.Type.BINARY:
            kind.set("expressions", [])  # how many bytes it takes at the most: DuckDB has no such bound
    return expression


def _make_lasting(properties: exp.Properties) -> None:
    """A temporary table becomes an ordinary one: dbt names its schema, and DuckDB keeps them in none but its own."""
    kept = [each for each in properties.expressions if not isinstance(each, exp.TemporaryProperty)]
    properties.set("expressions", kept)


def _take_by_path(member: exp.GetExtract) -> None:
    """`get(v, 'k')` becomes `v:k`: cast to text, fakesnow leaves the first in its quotes."""
    key = member.expression
    if isinstance(key, exp.Literal) and key.is_string:
        path = exp.JSONPath(expressions=[exp.JSONPathRoot(), exp.JSONPathKey(this=key.this)])
        member.replace(exp.JSONExtract(this=member.this, expression=path))


def constraints(expression: Expr) -> list[Expr]:
    """The statements that forbid nulls in a table made by a query, column by column."""
    table = expression.this
    if not (isinstance(expression, exp.Create) and expression.expression and isinstance(table, exp.Schema)):
        return []
    columns = [each for each in table.expressions if each.find(exp.NotNullColumnConstraint)]
    alter = f"alter table {table.this.sql('snowflake')} alter column"
    return [
        sqlglot.parse_one(f"{alter} {each.this.sql('snowflake')} set not null", read="snowflake") for each in columns
    ]
