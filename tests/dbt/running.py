"""dbt in this process, on a warehouse of a test's own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from ingest.events import SCHEMA

PROJECT = Path(__file__).parents[2] / "dbt_project"
_PARSE = Path("target/partial_parse.msgpack")

_LOADER = {"_file": pl.String, "_file_row": pl.Int64, "_loaded_at": pl.Datetime("us", "UTC")}
#: The raw table in DuckDB: the stored columns, then the loader's, all times naive in UTC.
RAW_COLUMNS = {**SCHEMA, **_LOADER}
_TYPES = {pl.String: "varchar", pl.Int32: "integer", pl.Int64: "bigint", pl.Binary: "blob"}

Row = dict[str, Any]


def column_type(dtype: Any) -> str:
    """The DuckDB type that the loader gives a column."""
    return "timestamp" if isinstance(dtype, pl.Datetime) else _TYPES[dtype]


@contextmanager
def _environment(**settings: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@cache
def _workplace() -> Path:
    """A folder of this process, for as long as it lives."""
    folder = Path(tempfile.mkdtemp(prefix="dbt-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _artifacts(project: Path, target: str, variables: str) -> Path:
    """Where dbt keeps its parse of a project, which is of a target and vars: for all warehouses of this process."""
    folder = Path(tempfile.mkdtemp(dir=_workplace()))
    if project != PROJECT:  # of a copy with changes dbt parses the changes alone
        known = _artifacts(PROJECT, target, variables) / _PARSE
        if known.exists():
            (folder / _PARSE).parent.mkdir()
            shutil.copy(known, folder / _PARSE)
    return folder


@contextmanager
def _closed_after() -> Iterator[None]:
    """Close the file, which the adapter leaves open for whoever names the same path next."""
    try:
        yield
    finally:
        DuckDBConnectionManager.close_all_connections()


def _shown(path: Path) -> str:
    """The one path that stands for every warehouse: for another path dbt would parse the project anew."""
    place = _workplace() / path.name
    place.unlink(missing_ok=True)
    place.symlink_to(path.resolve())
    return str(place)


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB file in `folder`, and the dbt project over it; all warehouses of one `project` share its parse."""

    folder: Path
    project: Path = PROJECT

    @property
    def path(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def create(self) -> None:
        columns = ", ".join(f"{name} {column_type(dtype)}" for name, dtype in RAW_COLUMNS.items())
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create schema raw")
            connection.execute(f"create table raw.raw_events ({columns})")

    def load(self, rows: Sequence[Row]) -> None:
        """Append raw rows, as columns in one go; a column that a row leaves out is null."""
        kinds = {
            name: pl.Datetime("us") if isinstance(kind, pl.Datetime) else kind for name, kind in RAW_COLUMNS.items()
        }
        frame = pl.DataFrame(
            [[row.get(name) for name in RAW_COLUMNS] for row in rows], schema=kinds, orient="row"
        ).to_arrow()
        with duckdb.connect(str(self.path)) as connection:
            connection.register("frame", frame)
            connection.execute("insert into raw.raw_events from frame")

    def dbt(self, *arguments: str, target: str = "local") -> Any:
        """Run dbt and return its result, or fail with what dbt says went wrong."""
        result = self.attempt(*arguments, target=target)
        if not result.success:
            failures = [r for r in getattr(result.result, "results", []) if r.status in ("error", "fail")]
            raise AssertionError("\n".join(f"{r.node.unique_id}: {r.message}" for r in failures) or result.exception)
        return result.result

    def attempt(self, *arguments: str, target: str = "local") -> Any:
        variables = arguments[arguments.index("--vars") + 1] if "--vars" in arguments else ""
        artifacts, shown = _artifacts(self.project, target, variables), _shown(self.path)
        with _environment(DUCKDB_PATH=shown, DUCKDB_FIXTURES_PATH=shown), _closed_after():
            return dbtRunner().invoke(
                [
                    *arguments,
                    *("--target", target, "--project-dir", str(self.project), "--profiles-dir", str(self.project)),
                    *("--target-path", str(artifacts / "target"), "--log-path", str(artifacts / "logs")),
                    *("--quiet", "--no-use-colors", "--no-write-json", "--log-level-file", "none"),
                ]
            )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path)) as connection:
            return connection.execute(query).fetchall()

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """A table's rows, in an order that depends on nothing but them."""
        return self.rows(f"select * from {name} order by all")  # noqa: S608
