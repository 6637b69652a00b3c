"""Snowflake's syntax, twice and independently: sqlfluff's grammar, and one of our own from Snowflake's reference.

Our own (snowflake_setup.lark) knows no more than the set-up uses, but that strictly: a misspelled option is an error,
where sqlglot takes the whole statement for an unknown command. What is an expression or a query inside of a statement
goes to sqlglot, which must know it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import sqlglot
from lark import Lark, Token, Tree
from sqlfluff.core import FluffConfig, Linter
from sqlglot import exp

_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\$\$.*?\$\$|;|\w+|\s+|.", re.DOTALL)
_CONDITION = r"if \(not exists \((?P<query>.*?)\)\) then\s+(?P<then>[^;]+);\s+end if;"
#: What sqlfluff does not know yet. Nobody but our own grammar and sqlglot checks these.
UNKNOWN_TO_SQLFLUFF = (
    "create row access policy",
    "alter notification integration",
    "create storage lifecycle policy",
    "alter storage lifecycle policy",
)


def statements(text: str) -> list[str]:
    """The statements of a script, without comments and semicolons."""
    found, current = [], ""
    for token in _TOKEN.findall(text):
        if token.startswith("--"):
            continue
        if token == ";":
            found.append(current.strip())
            current = ""
        else:
            current += token
    assert not current.strip(), f"no semicolon behind: {current.strip()[:60]}"
    return found


@cache
def _grammar() -> Lark:
    return Lark(Path(__file__).with_name("snowflake_setup.lark").read_text(), parser="earley", lexer="dynamic")


@cache
def _linter() -> Linter:
    return Linter(config=FluffConfig(overrides={"dialect": "snowflake"}))


def parse_by_reference(statement: str) -> str:
    """Parse by the reference; answers which form it is. Raises if any part of it is none."""
    tree = _grammar().parse(statement)
    for body in _bodies(tree):
        for query in _queries(body):
            parsed = sqlglot.parse_one(query, read="snowflake")
            assert not isinstance(parsed, exp.Command), f"sqlglot does not know: {query}"
    for script in tree.scan_values(lambda token: isinstance(token, Token) and token.type == "DOLLARS"):
        _parse_script(script.strip("$"))
    form = tree.children[0]
    assert isinstance(form, Tree)
    return str(form.data)


def parse_by_sqlfluff(statement: str) -> None:
    """Parse by sqlfluff's dialect. Raises if any part is unparsable."""
    parsed = _linter().parse_string(f"{statement};\n")
    assert not parsed.violations, f"{parsed.violations[0]}\n{statement}"


def _bodies(tree: Tree[Token]) -> Iterator[str]:
    for token in tree.scan_values(lambda token: isinstance(token, Token) and token.type == "BODY"):
        yield re.sub(r"\s+comment = '[^']*'$", "", token)


def _queries(body: str) -> Iterator[str]:
    """What sqlglot parses: a query as it is, an expression selected."""
    yield body if re.match(r"select\b", body, re.IGNORECASE) else f"select {body}"


def _parse_script(script: str) -> None:
    """A block of deletions, or of statements on a condition: `if (not exists (query)) then statement; end if;`."""
    inner = re.fullmatch(r"\s*begin\s+(.*?)\s*end;\s*", script, re.DOTALL)
    assert inner, script
    left = inner[1]
    for one in re.finditer(_CONDITION, inner[1], re.DOTALL):
        assert isinstance(sqlglot.parse_one(one["query"], read="snowflake"), exp.Select)
        parse_by_reference(one["then"])
        left = left.replace(one[0], "")
    for statement in (part.strip() for part in left.split(";") if part.strip()):
        assert isinstance(sqlglot.parse_one(statement, read="snowflake"), exp.Delete), statement
