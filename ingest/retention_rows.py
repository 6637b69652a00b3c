"""Raw rows that are past their time, by when they were loaded: in DuckDB and in Snowflake."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ingest.database import reading
from ingest.retention_layers import Layer, Share, Taker
from ingest.tables import AGING
from ingest.warehouse import DuckDbWarehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Select = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]


_T = TypeVar("_T")


class RawTables(Protocol):
    """The raw tables of a warehouse. Every method raises `WarehouseError`."""

    def shares(self, horizon: datetime) -> list[Share]:
        """What each of the tables that are there holds."""

    def expire(self, horizon: datetime) -> dict[str, int]:
        """Delete what was loaded before the horizon; answers how many rows of each table."""


class Patiently(Protocol):
    """Asks until it gets an answer, or loses its patience."""

    def __call__(self, ask: Callable[[], _T]) -> _T:
        """The answer. Raises what `ask` raised last."""


class Session(Protocol):
    """What is asked of `ingest.snowflake.Snowflake`."""

    @property
    def database(self) -> str:
        """The database that holds schema RAW."""

    def select(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """How many rows a statement changed."""


class DuckDbRaw:
    """Those in the file at `path`, which is there. `clock` answers the time in UTC.

    `patiently` asks again for some time where another process has the file.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime], patiently: Patiently) -> None:
        self._path, self._clock, self._patiently = path, clock, patiently

    def shares(self, horizon: datetime) -> list[Share]:
        """See `RawTables`."""
        return self._patiently(lambda: self._shares(horizon))

    def expire(self, horizon: datetime) -> dict[str, int]:
        """See `RawTables`. The load history remembers whose rows have gone."""
        return self._patiently(lambda: self._expire(horizon))

    def _shares(self, horizon: datetime) -> list[Share]:
        with reading(self._path) as select:
            there = {name for (name,) in select(_THERE.format(schema="raw", of=""), ())}
            before = horizon.astimezone(UTC).replace(tzinfo=None)
            return [
                _share(table, select(_AGES.format(table=f"raw.{table}", place="?"), (before,)), horizon, Taker.US)
                for table in AGING
                if table in there
            ]

    def _expire(self, horizon: datetime) -> dict[str, int]:
        with DuckDbWarehouse(self._path, self._clock) as warehouse:
            return warehouse.expire(horizon)


class SnowflakeRaw:
    """Those in schema RAW of the session's database."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def shares(self, horizon: datetime) -> list[Share]:
        """See `RawTables`."""
        return [
            _share(
                table,
                self._session.select(
                    _AGES.format(table=self._place(_SEEN.get(table, table)), place="%s"), (horizon,)
                ),
                horizon,
                Taker.SNOWFLAKE,
            )
            for table in self._there()
        ]

    def expire(self, horizon: datetime) -> dict[str, int]:
        """See `RawTables`."""
        delete = "delete from {} where _loaded_at < %s"
        return {t: self._session.execute(delete.format(self._place(t)), (horizon,)) for t in self._there()}

    def _there(self) -> list[str]:
        statement = _THERE.format(schema="RAW", of=f"{self._session.database}.")
        there = {str(name).lower() for (name,) in self._session.select(statement)}
        return [table for table in AGING if table in there]

    def _place(self, table: str) -> str:
        return f"{self._session.database}.raw.{table}"


#: Who looks at ages need see no learner.
_SEEN = {"raw_events": "records"}
_THERE = "select table_name from {of}information_schema.tables where table_schema = '{schema}'"
_AGES = "select count(case when _loaded_at < {place} then 1 end), min(_loaded_at) from {table}"


def _share(table: str, found: Sequence[tuple[Any, ...]], horizon: datetime, taker: Taker) -> Share:
    ((past, oldest),) = found
    return Share(Layer.RAW, f"raw.{table}", taker, horizon, int(past), _aware(oldest))


def _aware(time: datetime | None) -> datetime | None:
    return time if time is None or time.tzinfo else time.replace(tzinfo=UTC)
