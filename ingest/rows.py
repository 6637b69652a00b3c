"""The rows of an object, as they are read and checked before they go into the warehouse."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from ingest.errors import InputError
from ingest.events import SCHEMA
from ingest.jobs import JOB_SCHEMA
from ingest.layout import JOBS_PREFIX, Kind, Slot, kind_of, recovered_from, recovered_prefix
from ingest.objects import SUFFIX, ChainId, check_body

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    Schema = Mapping[str, pl.DataType | type[pl.DataType]]


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
        rows = read_rows(one.body, JOB_SCHEMA if kind_of(one.file) is Kind.JOB else SCHEMA)
        _check_place(one.file, pl.read_parquet_metadata(BytesIO(one.body)))
    except InputError as error:
        return str(error)
    return rows


def read_rows(body: bytes, schema: Schema = SCHEMA) -> pl.DataFrame:
    """The rows of an object, as they were written, with exactly the columns of `schema`.

    Raises `InputError` otherwise: a single changed byte is told by the checksum, not by what Parquet makes of it.
    """
    check_body(body)
    try:
        _check_schema(pl.read_parquet_schema(BytesIO(body)), schema)
        rows = pl.read_parquet(BytesIO(body)).select(*schema)
        said = pl.read_parquet_metadata(BytesIO(body)).get("records")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"not a readable Parquet object ({type(error).__name__})") from error
    if said is not None and said != str(rows.height):
        raise InputError(f"its metadata counts {said} records, and it has {rows.height} rows")
    return rows


def _check_place(key: str, said: Mapping[str, str]) -> None:
    """Raise `InputError` unless the metadata in its footer says that an object belongs at this key.

    A recovered object does not say its number: it may be any of those recovered from its slot.
    """
    try:
        place, there = _place(key, said)
    except (KeyError, ValueError) as error:
        raise InputError(f"its metadata does not say where it belongs ({error!r})") from error
    if place != there:
        raise InputError(
            f"it says of itself that it belongs at {place}: it was moved or copied by hand. Put it back there, or "
            "remove it if it is a copy"
        )


def _place(key: str, said: Mapping[str, str]) -> tuple[str, str]:
    """What the metadata says of an object's key, and the same of the key at which it stands."""
    if kind_of(key) is Kind.JOB:
        return f"{JOBS_PREFIX}{said['job-type']}/{said['job-id']}/{int(said['number']):06d}{SUFFIX}", key
    chain = ChainId(said["topic"], said["topic-id"], int(said["partition"]))
    if slot := recovered_from(key):
        prefix = recovered_prefix(Slot(chain, int(said["recovered-from"])))
        return prefix, recovered_prefix(slot)
    return chain.key(int(said["start"])), key


def _check_schema(found: dict[str, pl.DataType], schema: Schema) -> None:
    faults = [
        *(f"lacks {name}" for name in schema if name not in found),
        *(f"has an unknown column {name}" for name in found if name not in schema),
        *(f"{n} is {found[n]}, not {kind}" for n, kind in schema.items() if n in found and found[n] != kind),
    ]
    if faults:
        raise InputError("not the schema of this version: " + "; ".join(faults))
