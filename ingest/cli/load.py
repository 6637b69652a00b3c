"""`ingest load`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.cli.jobs import run_of
from ingest.cli.options import As, StoreUrl, Warehouse
from ingest.cli.serving import loader_served
from ingest.cli.wiring import SystemClock, settings_of, store_of
from ingest.console import Output, leave, print_result, progress, stopping
from ingest.errors import InputError, WarehouseLocked


def load(
    store: StoreUrl = None,
    warehouse: Warehouse = None,
    follow: Annotated[bool, typer.Option("--follow", help="Look again until stopped.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, max=86400, help="Seconds between two looks.")] = 10,
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="Where /health and /metrics are; 0: nowhere.")] = 0,
    output: As = Output.TEXT,
) -> None:
    """Load new objects into DuckDB, as Snowpipe does into Snowflake: each once, whole or not at all.

    An object that can't be loaded is recorded in raw.load_history with its error, tried again by the next
    run, and gives exit code 1. So does one that was rewritten after it had been loaded.

    Example: ingest load --store data/objects --warehouse data/warehouse.duckdb
    """
    from ingest.jobs import JobType
    from ingest.load import load as run

    settings = settings_of({"ingest_store": store, "duckdb_path": str(warehouse) if warehouse else None})
    path = Path(settings.duckdb_path)
    if "://" not in settings.store_url and not Path(settings.store_url).is_dir():
        raise InputError(
            f"there is no folder {settings.store_url}", "Mend --store; `ingest consume` makes the folder."
        )
    _check_warehouse(path, follow=follow)
    rows = 0

    def on_progress(line: Any) -> None:
        nonlocal rows
        rows += _tell_load(line)
        show(rows)
        watch(line)

    every, now = interval if follow else None, SystemClock().now
    job = run_of(JobType.LOAD)
    served = loader_served(settings, http_port, every or 0)
    with stopping() as stop, served as watch, progress("rows", None) as show:
        summary = run(store_of(settings), path, now, on_progress, stop, every=every, job=job)
    print_result(asdict(summary), output)
    leave(1 if summary.failed or summary.changed else 0)


def _check_warehouse(path: Path, *, follow: bool) -> None:
    """Raise `WarehouseError` before a run begins that could not even leave its job record: it is told once then."""
    from ingest.warehouse import DuckDbWarehouse

    try:
        with DuckDbWarehouse(path, SystemClock().now):
            pass
    except WarehouseLocked:
        if not follow:
            raise


def _tell_load(line: Any) -> int:
    """Log one line of progress of a load; answers how many rows it brought."""
    import structlog

    from ingest.load import LoadSummary
    from ingest.tables import History

    log = structlog.get_logger("ingest.load")
    if isinstance(line, LoadSummary):
        return 0
    if not isinstance(line, History):
        log.warning("load_waits", error=str(line))
        return 0
    if line.status == "failed":
        log.error("object_failed", key=line.file, error=line.error)
        return 0
    log.info("object_loaded", key=line.file, rows=line.records)
    return line.records
