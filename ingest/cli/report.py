"""`ingest report`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest import __version__
from ingest.cli.asking import in_snowflake, when_free
from ingest.cli.options import As, Warehouse
from ingest.cli.wiring import SystemClock, settings_of, snowflake_of
from ingest.console import Output, print_result
from ingest.errors import InputError, SettingsError

if TYPE_CHECKING:
    from ingest.report import Report
    from ingest.settings import Settings


class From(StrEnum):
    """Which warehouse is asked."""

    DUCKDB = "duckdb"
    SNOWFLAKE = "snowflake"


def report(
    warehouse: Warehouse = None,
    source: Annotated[
        From | None,
        typer.Option("--from", help="Which warehouse. Snowflake where SNOWFLAKE_ACCOUNT is set, else the file."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("report.html"),
    output: As = Output.TEXT,
) -> None:
    """Write one HTML page of what the warehouse holds: activity, learning, and the account of every record.

    The page opens from the disk, asks nothing of any network, and names no learner. Under each figure is the SQL
    that it comes from. Nothing is written to the warehouse.

    Example: ingest report --warehouse data/warehouse.duckdb --out report.html
    """
    if source is From.SNOWFLAKE and warehouse is not None:
        raise SettingsError("--from snowflake and --warehouse name two warehouses", "Give one of them.")
    settings = settings_of({"duckdb_path": str(warehouse) if warehouse else None})
    _writable(out)
    made = _made(settings, in_snowflake(settings, warehouse) if source is None else source is From.SNOWFLAKE)
    written = _write(out, made.html)
    print_result(_result(made, out, written, output), output)


def _made(settings: Settings, snowflake: bool) -> Report:
    from ingest.database import reading
    from ingest.report import report as run

    now = SystemClock().now()
    if snowflake:
        with snowflake_of(settings) as session:
            return run(session.select, session.where, now, __version__)
    path = Path(settings.duckdb_path)
    if not path.exists():
        raise InputError(f"there is no warehouse {path}", "Mend --warehouse; `ingest load` makes the file.")

    def ask() -> Report:
        with reading(path) as select:
            return run(lambda statement: select(statement, ()), path.name, now, __version__)

    return when_free(ask)


def _writable(out: Path) -> None:
    """Tell early what the end would tell."""
    if out.is_dir():
        raise InputError(f"{out} is a folder", "Name a file in it: --out.")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {out.parent}", "Make it, or name another file: --out.")


def _write(out: Path, html: str) -> int:
    """Put the page in the place of an older one, whole or not at all. Answers its bytes."""
    text = html.encode()
    try:
        with _beside(out) as (handle, path):
            with os.fdopen(handle, "wb") as file:
                file.write(text)
            path.chmod(0o644)
            path.replace(out)
    except OSError as error:
        raise InputError(f"{out} can't be written ({error.strerror})", "Name another file: --out.") from error
    return len(text)


@contextmanager
def _beside(out: Path) -> Iterator[tuple[int, Path]]:
    """An open file in the same folder, gone afterwards if it is still there."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        yield handle, Path(name)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _result(made: Report, out: Path, written: int, output: Output) -> dict[str, Any]:
    account = {name: count or 0 for name, count in made.account._asdict().items()}
    figures = {figure.name: sum(len(answer.rows) for answer in figure.answers) for figure in made.figures}
    empty = [figure.name for figure in made.figures if figure.empty]
    if output is Output.TEXT:
        return {
            "page": str(out),
            "bytes": written,
            "account_balances": made.balances,
            "rows": figures,
            "empty": empty,
        }
    told = {"path": str(out), "bytes": written, "balances": made.balances}
    return told | {"account": account, "figures": figures, "empty": empty}
