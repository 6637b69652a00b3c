"""What `ingest doctor` asks of all but Kafka: the store, the warehouse's file, the port, the disk."""

from __future__ import annotations

import os
import shutil
import socket
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.doctor import Finding, failed, ok, skipped, warning
from ingest.errors import WarehouseLocked
from ingest.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.chain import Store

_SKEW: Final = 60.0  # seconds of difference that are worth a word; S3 refuses at 900
_FULL: Final = 1 << 30  # bytes of free disk below which a word is due


def store(place: Store) -> Finding:
    """Whether it writes once, gives back metadata, and lists. Writes the canary, which is no object."""
    probe(place)
    return ok(f"{place.url}: writes once, gives back metadata, lists")


def store_clock(told: datetime | None, now: datetime) -> Finding:
    """Whether the store's clock and this one agree."""
    if told is None:
        return skipped("the store does not tell the time")
    apart = abs((told - now).total_seconds())
    if apart > _SKEW:
        return warning(
            f"the store's clock and this one are {apart:,.0f} s apart; S3 refuses requests at 900 s",
            "Set this machine's clock (NTP).",
        )
    return ok(f"the store's clock and this one are {apart:,.0f} s apart")


def warehouse(path: Path, read: Callable[[Path, str], object]) -> Finding:
    """Whether the DuckDB file can be opened, or made."""
    if not path.exists():
        return _creatable(path)
    try:
        read(path, "select 1")
    except WarehouseLocked as error:
        return warning(str(error), error.remedy)
    if not os.access(path, os.W_OK):
        return warning(f"{path} can be read, not written", "`ingest load` needs the right to write it.")
    return ok(f"{path} can be opened")


def disk(folder: Path, least: int = 0) -> Finding:
    """Whether there is room. With fewer than `least` bytes, MAX_BATCH_BYTES, the next batch may not fit."""
    there = existing(folder)
    free = shutil.disk_usage(there).free
    said, remedy = f"{free / (1 << 20):,.1f} MiB are free for {folder}", "Free some space, or choose another disk."
    if free < least:
        return failed(f"{said}; a batch may take {least / (1 << 20):,.1f} MiB (MAX_BATCH_BYTES)", remedy)
    if free < _FULL:
        return warning(said, remedy)
    return ok(f"{free / (1 << 30):,.1f} GiB are free for {folder}")


def port(host: str, number: int, health: Callable[[str, int], str | None]) -> Finding:
    """Whether the port of /health and /metrics can be had, or one of ours has it, by what its `health` says."""
    if number == 0:
        return skipped("HTTP_PORT is 0: no /health, no /metrics")
    try:
        family, _, _, _, place = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
    except OSError as error:
        if said := health(host, number):
            return ok(f"{host}:{number}: `ingest consume` or `load` listens there; its /health says {said}")
        return warning(
            f"{host}:{number} can't be had ({error.strerror}), and it is none of ours that listens there",
            "Set HTTP_PORT or HTTP_HOST.",
        )
    return ok(f"{host}:{number} is free")


def existing(path: Path) -> Path:
    """The nearest of the path and its parents that is there."""
    absolute = path.absolute()
    return next(one for one in (absolute, *absolute.parents) if one.exists())


def _creatable(path: Path) -> Finding:
    there = existing(path.parent)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return failed(f"{path} is not there, and can't be made in {there}", "Mend DUCKDB_PATH, or the rights there.")
    return ok(f"{path} is not there yet: `ingest load` makes it")
