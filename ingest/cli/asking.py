"""Whom verification and status ask, as the settings name them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ingest.errors import InputError

if TYPE_CHECKING:
    from ingest.marks import Marks
    from ingest.settings import Settings

_T = TypeVar("_T")
_PATIENCE = 10.0  # seconds that a loader or dbt may have the warehouse before that is a failure
_PAUSE = 0.1


class Part(StrEnum):
    """What can be left out."""

    BROKER = "broker"
    WAREHOUSE = "warehouse"


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
        yield Marks(broker, tails, settings.topics, time.sleep)


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
