"""`ingest produce --format xapi|caliper`: what a file of another standard becomes, and where its rejects go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.console import note
from ingest.errors import InputError, SettingsError

if TYPE_CHECKING:
    from ingest.bridge import Rejected


class Format(StrEnum):
    """What the lines to send are."""

    EVENTS = "events"
    XAPI = "xapi"
    CALIPER = "caliper"


def check(kind: Format, source: str | None, rejects: Path | None) -> None:
    """Complain about options that make no sense together. Raises `SettingsError`."""
    if kind is Format.EVENTS and rejects:
        raise SettingsError("--rejects is for --format xapi and caliper", "Other lines are sent as they are.")
    if kind is not Format.EVENTS and source is None:
        raise SettingsError(f"--format {kind} takes a FILE", f"For example: ingest produce --format {kind} FILE")
    if rejects and source and rejects.exists() and os.path.realpath(source) == os.path.realpath(rejects):
        raise SettingsError("--rejects names the file that is read", "Name another one.")


def send_mapped(
    kind: Format, path: str, rejects: Path | None, send: Callable[[Iterable[Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Map what the file holds and `send` it; the result with what became of the records."""
    from ingest.bridge import STANDARDS, Tally, bridge
    from ingest.documents import Reading, read_pieces
    from ingest.produce import open_ndjson

    standard, tally, reading = STANDARDS[kind], Tally(), Reading()
    with open_ndjson(path, sys.stdin.buffer) as stream, _keeping(rejects) as keep:
        pieces = read_pieces(stream, standard.batch, reading)
        sent = send(bridge(pieces, standard, tally, keep, forward=rejects is None))
    if reading.unfinished:
        note(f"{reading.unfinished} of the results are not complete: `more` names the next page, to be fetched too")
    return sent | {
        "format": str(kind),
        "mapped": tally.mapped,
        "rejected": tally.rejected.total(),
        "rejected_by_reason": dict(tally.rejected),
        "empty_lines_skipped": reading.empty,
    }


@contextmanager
def _keeping(path: Path | None) -> Iterator[Callable[[Rejected], None]]:
    """What tells of a reject, and adds it to the file, if there is one to be: on a line, so without line feeds."""
    import structlog

    log = structlog.get_logger("ingest.produce")

    def tell(rejected: Rejected) -> None:
        log.warning("record_not_mapped", place=rejected.place, reason=rejected.reason)

    if path is None:
        yield tell
        return
    try:
        stream = path.open("ab")
    except OSError as error:
        raise InputError(f"can't write {path}: {error.strerror}", "Name a file in a folder of yours.") from error

    def keep(rejected: Rejected) -> None:
        tell(rejected)
        stream.write(rejected.value.replace(b"\n", b" ") + b"\n")

    with stream:
        yield keep
