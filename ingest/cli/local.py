"""`ingest broker` and `ingest demo`: the whole way on one machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ingest.cli.wiring import settings_of
from ingest.console import leave, live, note, stopping


def broker() -> None:
    """Be a Kafka broker in memory, for a first look: prints its address, and serves until stopped.

    Its limits: nothing outlives it, a partition keeps about 5 MiB, older records vanish without a word.
    """
    from ingest.embedded import serve

    settings_of({})

    def ready(address: str) -> None:
        typer.echo(address)
        if sys.stdout.isatty():
            note(f"serving until stopped; in other shells: export KAFKA_BOOTSTRAP_SERVERS={address}")

    with stopping() as stop:
        serve(ready, stop)


def demo(
    events: Annotated[int, typer.Option(min=1, help="How many records to send through.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 7,
    data: Annotated[Path, typer.Option(help="Where objects and the warehouse go; made anew.")] = Path("data"),
    chaos: Annotated[bool, typer.Option("--chaos", help="More late, doubled, skewed and malformed records.")] = False,
) -> None:
    """The whole way on this machine: broker, events with trouble in them, objects, warehouse, dbt, pages, account.

    Each step is a command that you could type, and is shown as such. Exit code 4 if the account does not balance.

    Example: ingest demo --events 1000000 --chaos
    """
    from ingest.demo import Play, run

    settings_of({})
    leave(run(Play(events, seed, data, chaos), time.monotonic, typer.echo, live))
