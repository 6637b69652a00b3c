"""The rows of an object, as they are read and checked before they go into the warehouse."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from ingest.errors import InputError
from ingest.events import SCHEMA

if TYPE_CHECKING:
    from datetime import datetime


class Incoming(NamedTuple):
    """An object as it was read from the store; `body` is None if it could not be, `problem` says why."""

    file: str
    size: int
    body: bytes | None
    problem: str
    started_at: datetime


def fit(one: Incoming) -> pl.DataFrame | str:
    """An object's rows, or why it can't be loaded."""
    if one.body is None:
        return one.problem
    try:
        return read_rows(one.body)
    except InputError as error:
        return str(error)


def read_rows(body: bytes) -> pl.DataFrame:
    """The rows of an object, with exactly the columns of `SCHEMA`. Raises `InputError` otherwise."""
    try:
        _check_schema(pl.read_parquet_schema(BytesIO(body)))
        rows = pl.read_parquet(BytesIO(body)).select(*SCHEMA)
        said = pl.read_parquet_metadata(BytesIO(body)).get("records")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"not a readable Parquet object ({type(error).__name__})") from error
    if said is not None and said != str(rows.height):
        raise InputError(f"its metadata counts {said} records, and it has {rows.height} rows")
    return rows


def _check_schema(found: dict[str, pl.DataType]) -> None:
    faults = [
        *(f"lacks {name}" for name in SCHEMA if name not in found),
        *(f"has an unknown column {name}" for name in found if name not in SCHEMA),
        *(f"{n} is {found[n]}, not {kind}" for n, kind in SCHEMA.items() if n in found and found[n] != kind),
    ]
    if faults:
        raise InputError("not the schema of this version: " + "; ".join(faults))
