"""Whom verification and status ask, as the settings name them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ingest.cli.wiring import SystemClock, names_of, pipes_of, settings_of, snowflake_of
from ingest.errors import InputError

if TYPE_CHECKING:
    from ingest.holdings import Holdings
    from ingest.marks import Marks
    from ingest.settings import Settings

_T = TypeVar("_T")
_PATIENCE = 10.0  # seconds that a loader or dbt may have the warehouse before that is a failure
_PAUSE = 0.1


class Part(StrEnum):
    """What can be left out."""

    BROKER = "broker"
    WAREHOUSE = "warehouse"


def chosen(store: str | None, warehouse: Path | None, topic: str | None, bootstrap_servers: str | None) -> Settings:
    """The settings, with these flags. Only errors are logged: the result says better what the clients warn of."""
    from ingest.telemetry import set_up_logs

    settings = settings_of(
        {
            "ingest_store": store,
            "duckdb_path": str(warehouse) if warehouse else None,
            "kafka_topic_events_raw": topic,
            "kafka_bootstrap_servers": bootstrap_servers,
        }
    )
    set_up_logs("ERROR", settings.log_format)
    return settings


def left_out_of(without: Iterable[Part] | None) -> dict[str, str]:
    """What is not asked, and why: the beginning of a list."""
    return {part.value: f"left out (--without {part.value})" for part in without or ()}


def addresses(settings: Settings, named: Path | None = None) -> dict[str, str]:
    """Where each part is."""
    snowflake = f"snowflake: {settings.snowflake_account}/{settings.snowflake_database}"
    return {
        "broker": settings.kafka_bootstrap_servers,
        "store": settings.store_url,
        "warehouse": snowflake if in_snowflake(settings, named) else settings.duckdb_path,
    }


def in_snowflake(settings: Settings, named: Path | None) -> bool:
    """Whether the warehouse is Snowflake: it is where an account is set, unless a DuckDB file is named."""
    return settings.snowflake_account is not None and named is None


def holdings_of(settings: Settings, named: Path | None) -> Callable[[], Holdings] | None:
    """What asks the warehouse what it holds; None if it is a file that is not there yet."""
    if in_snowflake(settings, named):
        return lambda: _landed(settings)
    path = warehouse_of(settings, named)
    return None if path is None else lambda: _held(path)


def _landed(settings: Settings) -> Holdings:
    from ingest.landed import read_holdings

    names = names_of(settings)
    with snowflake_of(settings) as snowflake:
        return read_holdings(snowflake, names, pipes_of(settings, snowflake), SystemClock().now)


def _held(path: Path) -> Holdings:
    from ingest.holdings import read_holdings

    return when_free(lambda: read_holdings(path))


@contextmanager
def marks_of(settings: Settings, client: Mapping[str, Any]) -> Iterator[Marks]:
    """Asks the broker about the settings' topics; nothing is asked yet."""
    from ingest.broker import KafkaBroker
    from ingest.marks import Marks
    from ingest.tails import Tails

    group = settings.kafka_consumer_group
    with (
        KafkaBroker(client, group, settings.kafka_topic_generation) as broker,
        Tails(client, group) as tails,
    ):
        yield Marks(broker, tails, settings.topics, group, time.sleep)


def warehouse_of(settings: Settings, named: Path | None) -> Path | None:
    """The warehouse's file, None if there is none yet. Raises `InputError` if it was `named` and is not there."""
    path = Path(settings.duckdb_path)
    if path.exists():
        return path
    if named is not None:
        raise InputError(f"there is no warehouse {path}", "Mend --warehouse; `ingest load` makes the file.")
    return None


def folder_of(settings: Settings) -> None:
    """Raise `InputError` if the store is a folder that is not there."""
    if "://" not in settings.store_url and not Path(settings.store_url).is_dir():
        raise InputError(
            f"there is no folder {settings.store_url}", "Mend --store; `ingest consume` makes the folder."
        )


def when_free(ask: Callable[[], _T]) -> _T:
    """The answer of a warehouse; one that is being written is asked again for some seconds."""
    from ingest.errors import WarehouseLocked

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return ask()
        except WarehouseLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
