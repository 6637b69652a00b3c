"""The commands by what people want to do: how `ingest --help` lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup

from ingest.cli import (
    config,
    consume,
    doctor,
    load,
    local,
    lookml,
    produce,
    quarantine,
    replay,
    report,
    retention,
    snowflake,
    status,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Entry(NamedTuple):
    """A command, or a group of some, and a line about it."""

    name: str
    does: Callable[..., Any] | typer.Typer
    about: str


TASKS: Final[dict[str, tuple[Entry, ...]]] = {
    "Try it": (
        Entry("demo", local.demo, "The whole way on this machine, with an account at the end"),
        Entry("broker", local.broker, "Be a Kafka broker in memory"),
        Entry("produce", produce.produce, "Send events: NDJSON, xAPI, Caliper, or synthetic learners"),
    ),
    "Run it": (
        Entry("consume", consume.consume, "The topic's records into objects, each exactly once"),
        Entry("load", load.load, "Objects into DuckDB, each once, as Snowpipe into Snowflake"),
        Entry("snowflake", snowflake.app, "Snowflake's side: set-up as SQL, checks, pipes"),
    ),
    "Check it": (
        Entry("status", status.status, "Who is how far behind, what waits, the last runs"),
        Entry("verify", verify.verify, "Is every record stored and loaded, once? Each discrepancy"),
        Entry("doctor", doctor.doctor, "Every dependency and permission, with the remedy"),
        Entry("config", config.config, "Every setting, and where its value comes from"),
    ),
    "Mend and keep": (
        Entry("quarantine", quarantine.app, "What is no event: count, export, decode again"),
        Entry("replay", replay.replay, "An offset or time range again, to elsewhere"),
        Entry("retention", retention.app, "What is past its time: plan, apply, audit"),
    ),
    "See it": (
        Entry("report", report.report, "One HTML page: activity, learning, the account"),
        Entry("lookml", lookml.lookml, "Views, explores and dashboards for Looker"),
    ),
}

EXAMPLES: Final = (
    ("ingest demo", "see all of it, in a minute"),
    ("ingest consume --batch-size 10000", "run it, by your settings"),
    ("ingest verify", "be sure"),
)


_WIDTH: Final = max(len(entry.name) for entries in TASKS.values() for entry in entries)


class ByTask(TyperGroup):
    """Lists the commands by task, and a few examples."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """See `typer.core.TyperGroup`."""
        for task, entries in TASKS.items():
            with formatter.section(task):
                formatter.write_dl([(entry.name.ljust(_WIDTH), entry.about) for entry in entries])
        with formatter.section("Examples"):
            formatter.write_dl(list(EXAMPLES), col_max=36)
        formatter.write_paragraph()
        formatter.write_text("`ingest COMMAND --help` has the options, `ingest config` the settings.")


def registered(app: typer.Typer) -> typer.Typer:
    """The app with every command."""
    for entries in TASKS.values():
        for name, does, about in entries:
            if isinstance(does, typer.Typer):
                app.add_typer(does, name=name, short_help=about)
            else:
                app.command(name, short_help=about)(does)
    return app
