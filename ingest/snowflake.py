"""Snowflake: signing in, asking, and its errors in our words. The only importer of its connector.

Times go and come in UTC, whatever the account's time zone is. Every session carries the query tag `ingest`.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from ingest.errors import SettingsError, WarehouseError, WarehouseUnseen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about the versions of other packages: nothing that a user can do
    from snowflake import connector
    from snowflake.connector import errors

_LOGIN_SECONDS: Final = 30
_ANSWER_SECONDS: Final = 300  # for one statement, retries included: the connector's own bound is none
_CHUNK: Final = 10_000  # rows fetched at once

#: What to do about an error, by Snowflake's number for it.
_REMEDIES: Final = {
    2003: "It is not there, or this role may not see it: run `ingest snowflake render`, and its grants.",
    2043: "It is not there, or this role may not see it: run `ingest snowflake render`, and its grants.",
    3001: "Grant this role the right: `ingest snowflake render` has all grants. See SNOWFLAKE_ROLE.",
    606: "Give this user a default warehouse, or set SNOWFLAKE_WAREHOUSE.",
    90109: "The resource monitor has stopped the warehouse: raise SNOWFLAKE_CREDIT_QUOTA, or wait for next month.",
    250001: "Is SNOWFLAKE_ACCOUNT right, and may this machine reach it?",
    250003: "Is SNOWFLAKE_ACCOUNT right, and may this machine reach it?",
    290403: "Is SNOWFLAKE_ACCOUNT right? A network policy may also keep this machine out.",
    290404: "There is no such account: SNOWFLAKE_ACCOUNT is like myorg-myaccount, without .snowflakecomputing.com.",
    390100: "See SNOWFLAKE_USERNAME, and whether this user may sign in as SNOWFLAKE_AUTHENTICATOR says.",
    390144: "The public key of this user is another one, or the account or the user is: see docs/snowflake.md.",
    390189: "Grant this user the role, or name another: SNOWFLAKE_ROLE.",
    390201: "The warehouse is not there, or this role may not use it: SNOWFLAKE_WAREHOUSE.",
    390318: "The token has expired: get another one for SNOWFLAKE_TOKEN.",
    394400: "A policy of the account forbids this way to sign in: SNOWFLAKE_AUTHENTICATOR.",
}
#: Numbers of what is not there, or not for this role.
_UNSEEN: Final = frozenset((2003, 2043, 3001))
_REMEDY: Final = "`ingest snowflake check` looks at each part by itself; docs/snowflake.md has the usual troubles."


@dataclass(frozen=True, slots=True)
class Login:
    """Who signs in, where and how. What is None is left to Snowflake; secrets stay out of `repr`.

    `host` is another host than the account's own, or the address of a stand-in, `http://host:port`.
    """

    account: str
    user: str | None
    authenticator: str
    credentials: Credentials
    database: str
    role: str | None = None
    warehouse: str | None = None
    host: str | None = None

    def options(self) -> dict[str, Any]:
        """Under the connector's names."""
        told = {
            "account": self.account,
            "user": self.user,
            "authenticator": self.authenticator,
            "database": self.database,
            "role": self.role,
            "warehouse": self.warehouse,
            **_address(self.host),
            **self.credentials.options(),
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What proves who we are; which of them count is up to the authenticator."""

    private_key_path: str | None = None
    private_key_passphrase: str | None = None
    token: str | None = None
    workload_identity_provider: str | None = None
    password: str | None = None

    def options(self) -> dict[str, Any]:
        """Under the connector's names."""
        return {
            "private_key_file": self.private_key_path,
            "private_key_file_pwd": self.private_key_passphrase,
            "token": self.token,
            "workload_identity_provider": self.workload_identity_provider,
            "password": self.password,
        }


class Snowflake:
    """A session, as a context manager. Every method raises `WarehouseError`, and so does entering."""

    def __init__(self, login: Login) -> None:
        self._login = login

    @property
    def where(self) -> str:
        """The account and the database, for people."""
        return f"{self._login.account}/{self._login.database}"

    @property
    def database(self) -> str:
        """The database that names without one are looked for in."""
        return self._login.database

    def __enter__(self) -> Self:
        with self._translated(), self._opening_the_key():
            self._session = connector.connect(
                **self._login.options(),
                login_timeout=_LOGIN_SECONDS,
                network_timeout=_ANSWER_SECONDS,
                session_parameters={"TIMEZONE": "UTC", "QUERY_TAG": "ingest"},
                client_session_keep_alive=False,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def select(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query; `%s` in it stand for the parameters. Times with a zone are aware, in UTC."""
        return [row for rows in self.chunks(statement, parameters) for row in rows]

    def chunks(self, statement: str, parameters: Sequence[object] = ()) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, some thousand at a time: for more than memory should hold."""
        with self._translated(), self._session.cursor() as cursor:
            cursor.execute(statement, list(parameters) or None)
            while rows := cursor.fetchmany(_CHUNK):
                yield rows

    def records(self, statement: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """All rows, each by its columns' names in small letters: for SHOW, whose columns come and go."""
        with self._translated(), self._session.cursor() as cursor:
            cursor.execute(statement, list(parameters) or None)
            names = [column.name.lower() for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """Carry out a statement; answers how many rows it changed."""
        with self._translated(), self._session.cursor() as cursor:
            cursor.execute(statement, list(parameters) or None)
            return int(cursor.rowcount or 0)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except errors.Error as error:
            raise _ours(self.where, error) from error

    @contextmanager
    def _opening_the_key(self) -> Iterator[None]:
        """The private key's own errors, which the connector lets through as they are."""
        path = self._login.credentials.private_key_path
        try:
            yield
        except OSError as error:
            if path is None or error.filename != path:
                raise
            raise SettingsError(
                f"the private key {path} can't be read ({error.strerror})", "See SNOWFLAKE_PRIVATE_KEY_PATH."
            ) from error
        except (TypeError, ValueError) as error:
            if path is None:
                raise
            raise SettingsError(
                f"the private key {path} can't be opened: is it a PEM file of PKCS#8, and its passphrase right?",
                "See SNOWFLAKE_PRIVATE_KEY_PATH and SNOWFLAKE_PRIVATE_KEY_PASSPHRASE.",
            ) from error


def _ours(where: str, error: errors.Error) -> WarehouseError:
    """The connector's error as ours. Its first line names objects and causes, and holds no row's values."""
    text = (error.raw_msg or str(error)).strip().splitlines() or [type(error).__name__]
    number = error.errno if error.errno > 0 else None
    says = f"{where}: {text[0]}" + (f" ({number})" if number else "")
    kind = WarehouseUnseen if number in _UNSEEN else WarehouseError
    return kind(says, _REMEDIES.get(number or 0, _REMEDY))


def _address(host: str | None) -> dict[str, Any]:
    if host is None:
        return {}
    if "://" not in host:
        return {"host": host}
    parts = urlsplit(host)
    return {"protocol": parts.scheme, "host": parts.hostname, "port": parts.port}
