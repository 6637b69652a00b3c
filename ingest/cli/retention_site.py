"""Whom the retention commands ask, as the settings name them, and where they leave their job records."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ingest.cli.asking import addresses, folder_of, in_snowflake, warehouse_of, when_free
from ingest.cli.jobs import recorder_of, run_of
from ingest.cli.wiring import SystemClock, settings_of, snowflake_of, store_of

if TYPE_CHECKING:
    from ingest.ledger import Ledger
    from ingest.retention import Retention
    from ingest.retention_estate import Estate, Taken
    from ingest.retention_models import Models
    from ingest.retention_rows import RawTables
    from ingest.settings import Settings
    from ingest.tables import History


class Part(StrEnum):
    """What can be left out."""

    STORE = "store"
    WAREHOUSE = "warehouse"
    MODELS = "models"
    RULES = "rules"


def retention_of(settings: Settings) -> Retention:
    """The three figures."""
    from ingest.retention import Retention

    return Retention(settings.raw_retention_months, settings.aggregate_retention_years, settings.realtime_view_days)


class Site(NamedTuple):
    """The estate that the settings name, where each part of it is, and why parts are left out.

    Of what is left out, `missing` is what nobody asked to leave out. `duckdb` is the warehouse's file; None: it is
    Snowflake, or there is none.
    """

    estate: Estate
    settings: Settings
    where: dict[str, str]
    left_out: dict[str, str]
    missing: dict[str, str]
    duckdb: Path | None


@contextmanager
def site_of(store: str | None, named: Path | None, project: Path, without: Iterable[Part]) -> Iterator[Site]:
    """The site of these flags; signed in at Snowflake, if that is the warehouse."""
    from ingest.retention_estate import Estate

    settings = settings_of({"ingest_store": store, "duckdb_path": str(named) if named else None})
    asked = {part.value for part in without if part is not Part.RULES}
    left_out = {part: f"--without {part}" for part in asked}
    if Part.STORE not in left_out:
        folder_of(settings)
    file = None if in_snowflake(settings, named) else warehouse_of(settings, named)
    if file is None and not in_snowflake(settings, named):
        left_out.setdefault(Part.WAREHOUSE, f"there is no {settings.duckdb_path}")
    models = _models(settings, project, file)
    if why := models.absent() if file or in_snowflake(settings, named) else "there is no warehouse":
        left_out.setdefault(Part.MODELS, why)
    missing = {part: why for part, why in left_out.items() if part not in asked}
    if Part.WAREHOUSE in asked and not file and not in_snowflake(settings, named):
        missing.pop(Part.MODELS, None)  # who leaves out a warehouse that is not there means its models too
    with ExitStack() as stack:
        estate = Estate(
            retention_of(settings),
            settings.topics,
            None if Part.STORE in left_out else store_of(settings),
            None if Part.WAREHOUSE in left_out else _raw_tables(settings, file, stack),
            None if Part.MODELS in left_out else models,
            (lambda: when_free(lambda: _history(file))) if file else None,
        )
        named_parts = addresses(settings, named)
        where = {part: named_parts[part] for part in ("store", "warehouse")} | {"models": f"{project} (dbt)"}
        yield Site(estate, settings, where, left_out, missing, file)


def _raw_tables(settings: Settings, file: Path | None, stack: ExitStack) -> RawTables:
    from ingest.retention_rows import DuckDbRaw, SnowflakeRaw

    if file:
        return DuckDbRaw(file, SystemClock().now, when_free)
    return SnowflakeRaw(stack.enter_context(snowflake_of(settings)))


def _history(file: Path) -> dict[str, History]:
    from ingest.holdings import read_history

    return read_history(file)


def _models(settings: Settings, project: Path, file: Path | None) -> Models:
    from ingest.retention_models import Models

    environment = dict(os.environ) | _snowflake_environment(settings)
    if file:
        environment["DUCKDB_PATH"] = str(file.absolute())
    return Models(project.absolute(), "local" if file else "snowflake", environment, retention_of(settings))


def _snowflake_environment(settings: Settings) -> dict[str, str]:
    """What dbt's profile reads, wherever our settings have it from."""
    from ingest.settings import revealed

    names = (
        *("account", "username", "authenticator", "private_key_path", "private_key_passphrase", "token"),
        *("workload_identity_provider", "database"),
    )
    values = {f"snowflake_{name}": getattr(settings, f"snowflake_{name}") for name in names}
    return {name.upper(): revealed(value) for name, value in values.items() if value is not None}


@contextmanager
def recorded(site: Site, taken: Taken) -> Iterator[None]:
    """Leave job records of the run: in DuckDB, or in the store where the warehouse can't be written by us."""
    from ingest.jobs import Counts, JobType
    from ingest.ledger import Ledger

    if file := site.duckdb:
        with Ledger(file, run_of(JobType.RETENTION), SystemClock().now, taken) as ledger:
            when_free(lambda: _note(ledger, file))
            yield
        return
    with recorder_of(store_of(site.settings), JobType.RETENTION) as recorder:
        recorder.counts = lambda: Counts(taken.rows, 0, taken.bytes)
        yield


def _note(ledger: Ledger, file: Path) -> None:
    from ingest.warehouse import DuckDbWarehouse

    with DuckDbWarehouse(file, SystemClock().now) as warehouse:
        ledger.note(warehouse)
