"""The stand-in's sessions: where fakesnow differs from Snowflake in what dbt relies on, it is put right here.

Each method says what breaks without it; test_stand_in.py beside the dbt tests shows it through Snowflake's connector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import duckdb
import sqlglot
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from snowflake.connector.cursor import DictCursor, SnowflakeCursor
from snowflake.connector.errors import Error, ProgrammingError
from sqlglot import Expr, exp

from tests.services.snowflake_account import DONE, Account
from tests.services.snowflake_statements import constraints, guarded, instead, rewritten

_CHANGES_ROWS = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_CHANGES_OBJECTS = (exp.Create, exp.Drop, exp.Alter)
_MERGED = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}

#: What statements became, by their text and where they were sent: dbt sends the same ones in every run.
_known: dict[tuple[str, str | None, str | None], list[Expr]] = {}
_account = Account()
_KEPT = (exp.Select, exp.Create, exp.Insert, exp.Delete, exp.Alter)


class Session(FakeSnowflakeConnection):
    """One login. `pending` are the changes of its open transaction; None outside of one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pending: list[tuple[Expr, Any]] | None = None

    def cursor(self, cursor_class: type[SnowflakeCursor] = SnowflakeCursor) -> Cursor:
        return Cursor(self, self._duck_conn, use_dict_result=cursor_class == DictCursor)

    def begin_again(self) -> None:
        """Open the transaction once more, with the changes that it held before the statement that failed."""
        changes, self.pending = self.pending or [], []
        with suppress(duckdb.TransactionException):
            self._duck_conn.rollback()
        self._duck_conn.begin()
        for statement, parameters in changes:
            self.cursor()._execute(statement, parameters)


class Cursor(FakeSnowflakeCursor):
    _conn: Session

    def execute(self, command: str, *args: Any, **kwargs: Any) -> FakeSnowflakeCursor:
        statement = guarded(command)
        try:
            command = _account.answer(command, self._duck_conn) or command
            return self._attempt(instead(statement or command), *args, **kwargs)
        except Error as error:
            if statement is None:
                raise
            return super().execute('select %s as "anonymous block"', (str(error),))

    def _attempt(self, command: str, *args: Any, **kwargs: Any) -> FakeSnowflakeCursor:
        """Errors that fakesnow has no word for are the statement's. It answers HTTP 500, which is asked again."""
        self._parts: list[Expr | None] = []
        sent = (self._inline_variables(command), self._conn.database, self._conn.schema)
        try:
            for part in _known.get(sent, ()):
                self._execute(part)
            if sent not in _known:
                super().execute(command, *args, **kwargs)
        except Error:
            raise
        except Exception as error:
            raise ProgrammingError(msg=f"{type(error).__name__}: {error}", errno=100000, sqlstate="58000") from error
        if self._parts and None not in self._parts:
            _known[sent] = [part for part in self._parts if part]
        return self

    def _transform_explode(self, expression: Expr) -> list[Expr]:
        """MERGE stays whole: fakesnow's parts lose the key columns of a source that has an alias.

        Nulls are forbidden after a table is made: fakesnow drops its constraints with its types.
        """
        expression = rewritten(expression)
        if isinstance(expression, exp.Merge):
            return [expression]
        return [*super()._transform_explode(expression), *constraints(expression)]

    def _transform(self, expression: Expr, params: Any) -> Expr:
        """fakesnow copies the tree for each of its seventy steps: seconds for a dbt unit test."""
        transformed = super()._transform(_InPlace(expression.copy()), params).expression  # type: ignore[arg-type]
        self._parts.append(transformed if isinstance(expression, _KEPT) and not params else None)
        return transformed

    def _execute(self, transformed: Expr, params: Any = None) -> None:
        """Transactions as Snowflake has them.

        DuckDB refuses every statement after one that failed; in Snowflake the transaction stays open with what came
        before. DDL commits, and BEGIN in a transaction does nothing.
        """
        session = self._conn
        if session.pending is not None and isinstance(transformed, exp.Transaction):
            transformed = sqlglot.parse_one(DONE)
        if session.pending is not None and isinstance(transformed, _CHANGES_OBJECTS):
            self._duck_conn.commit()
            session.pending = None
        try:
            self._carry_out(transformed, params)
        except Exception:
            if session.pending is not None:
                session.begin_again()
            raise
        self._keep_account(transformed, params)

    def _describe_last_sql(self) -> list[Any]:
        """fakesnow parses the statement once more for this."""
        return self._duck_conn.execute(f"describe {self._last_sql}", self._last_params).fetchall()

    def _carry_out(self, transformed: Expr, params: Any) -> None:
        if not isinstance(transformed, exp.Merge):
            super()._execute(transformed, params)
            return
        merge = f"{transformed.sql(dialect='duckdb')} returning merge_action"
        counts = Counter(action for (action,) in self._duck_conn.execute(merge, params).fetchall())
        columns = ", ".join(f'{counts[action]} as "number of rows {word}"' for action, word in _MERGED.items())
        super()._execute(sqlglot.parse_one(f"select {columns}", read="duckdb"))

    def _keep_account(self, done: Expr, params: Any) -> None:
        session = self._conn
        if isinstance(done, exp.Transaction):
            session.pending = []
        elif isinstance(done, (exp.Commit, exp.Rollback)):
            session.pending = None
        elif session.pending is not None and isinstance(done, _CHANGES_ROWS):
            session.pending.append((done, params))


class _InPlace:
    """An expression whose transformations change it, rather than a copy."""

    def __init__(self, expression: Expr) -> None:
        self.expression = expression

    def transform(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> _InPlace:
        result = self.expression.transform(function, *args, copy=False, **kwargs)
        return self if result is self.expression else _InPlace(result.copy())
