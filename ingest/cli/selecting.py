"""Options that say which records a command is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ingest.errors import SettingsError

OfReason = Annotated[
    str | None, typer.Option("--reason", help="Only those: a reason, or reason:field. [all]", metavar="REASON")
]
OfTopic = Annotated[str | None, typer.Option("--topic", help="Only those of this topic. [all]")]
OfPartition = Annotated[int | None, typer.Option("--partition", min=0, help="Only those of this one. [all]")]
Since = Annotated[
    str | None, typer.Option(help="Read by the pipeline from this time on: ISO 8601, UTC if it names no zone.")
]
Until = Annotated[str | None, typer.Option(help="… and before this one.")]


def instant(option: str, text: str | None) -> datetime | None:
    """The time that an option names. Raises `SettingsError`."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text!r} is no time", "Give a time like 2026-01-31T09:30 or a date."
        ) from error
    return found.replace(tzinfo=found.tzinfo or UTC)
