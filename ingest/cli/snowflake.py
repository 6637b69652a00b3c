"""`ingest snowflake`: the set-up as SQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.options import As, StoreUrl
from ingest.cli.wiring import SystemClock, names_of, pipes_of, settings_of, snowflake_of, store_of
from ingest.console import Output, note, print_result
from ingest.errors import InputError, SettingsError

if TYPE_CHECKING:
    from ingest.ddl import Setup
    from ingest.settings import Settings

app = typer.Typer(
    help="The Snowflake side: its set-up as SQL, whether it is sound, and replacing a pipe.", no_args_is_help=True
)


@app.command()
def render(
    part: Annotated[
        list[str] | None, typer.Option(help="Only this part, like 03_raw or teardown; repeatable.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the parts that are else printed only by name.")
    ] = False,
    to: Annotated[Path | None, typer.Option(help="Write each part to a file in this folder.")] = None,
    store: StoreUrl = None,
) -> None:
    """Print the set-up, from the settings: roles, warehouses, stage, tables, pipes, retention, privacy.

    Every part may be run again at any time. Nothing is connected to. docs/snowflake.md goes through it step by
    step; 06_retention_task and teardown are printed only by name.

    Example: ingest snowflake render --to build/snowflake
    """
    from ingest.ddl import OTHER_PARTS

    setup = setup_of(settings_of({"ingest_store": store}))
    known = (*setup.parts, *OTHER_PARTS)
    chosen = part or (known if everything else setup.parts)
    for name in chosen:
        if name not in known:
            raise SettingsError(f"there is no part {name!r}", f"The parts are {', '.join(known)}.")
    for name in chosen:
        if to is None:
            typer.echo(setup.render(name))
        else:
            _write(to / f"{name}.sql", setup.render(name))


@app.command()
def check(
    store: StoreUrl = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds for each check.")] = 120,
    output: As = Output.TEXT,
) -> None:
    """Check the account against the rendered set-up: tables, file format, stage, pipes, errors, cost, times.

    Changes nothing. Exit code 0, or 3 if any check failed (2 if it was for a setting). `ingest verify` goes
    further: it holds every object and every row against the chain.

    Example: ingest snowflake check
    """
    from ingest.cli.doctor import report
    from ingest.snowflake_checkup import SnowflakeCheckup
    from ingest.telemetry import set_up_logs

    settings = settings_of({"ingest_store": store})
    setup, session = setup_of(settings), snowflake_of(settings)
    set_up_logs("ERROR", "auto")  # findings say it better than the log of the client
    with session:
        pipes = pipes_of(settings, session)
        checkup = SnowflakeCheckup(setup, session, pipes, store_of(settings), SystemClock().now, _horizon(settings))
        report(list(checkup.checks()), timeout, output)


class PipeOf(StrEnum):
    """Which pipe: that of which table."""

    RAW_EVENTS = "raw_events"
    JOB_RUNS = "job_runs"


@app.command("replace-pipe")
def replace_pipe(
    table: Annotated[PipeOf, typer.Argument(help="The table that the pipe loads into.")],
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else only tell what would be done.")] = False,
    settle: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds for loads under way, and for late notifications.")
    ] = 120,
    patience: Annotated[float, typer.Option(min=0, help="Seconds until all must be in the table.")] = 1800,
    store: StoreUrl = None,
    output: As = Output.TEXT,
) -> None:
    """Replace a pipe by the rendered one, and load what is in the store and not in the table: each object once.

    A pipe remembers what it loaded, and CREATE OR REPLACE forgets it; here the new pipe is only told of objects
    that no row is from. Interrupted anywhere, run it again. Needs the loader's role (SNOWFLAKE_ROLE).

    Example: ingest snowflake replace-pipe raw_events --apply
    """
    import time

    from ingest.pipe_admin import SnowflakePipe
    from ingest.replacement import Replacement

    settings, clock = settings_of({"ingest_store": store}), SystemClock().now
    setup = setup_of(settings)
    with snowflake_of(settings) as session:
        pipes = pipes_of(settings, session)
        pipe = SnowflakePipe(table.value, setup, session, pipes, store_of(settings), clock)
        replacement = Replacement(pipe, _horizon(settings), clock, time.sleep, note, settle)
        if not apply:
            missing, expired = replacement.missing()
            result = {
                "as_rendered": pipe.is_as_rendered(),
                "missing": len(missing),
                "expired": expired,
                "applied": False,
            }
        else:
            outcome = replacement.run(patience)
            result = {
                "replaced": outcome.replaced,
                "refreshed": len(outcome.refreshed),
                "copied": len(outcome.copied),
                "expired": outcome.expired,
                "applied": True,
            }
    print_result(result, output)
    if not apply:
        note("nothing was changed: add --apply")


def _horizon(settings: Settings) -> datetime:
    """Rows of objects that were stored before then may be gone, by a day's margin for zones and clocks."""
    from ingest.cli.retention_site import retention_of

    return retention_of(settings).raw_horizon(SystemClock().now()) + timedelta(days=1)


def setup_of(settings: Settings) -> Setup:
    """What the set-up is made of. Raises `SettingsError` if a setting is missing."""
    from ingest.ddl import Setup

    if not settings.store_url.startswith("s3://"):
        raise SettingsError(
            f"Snowpipe reads from S3, and the store is {settings.store_url}", "Give --store s3://bucket/prefix."
        )
    if settings.snowflake_storage_role_arn is None:
        raise SettingsError(
            "SNOWFLAKE_STORAGE_ROLE_ARN is not set; for example arn:aws:iam::123456789012:role/aivo-snowflake",
            "It is the output storage_role_arn of infra/aws (docs/snowflake.md, step 1).",
        )
    return Setup(
        names_of(settings),
        settings.store_url.rstrip("/") + "/",
        settings.snowflake_storage_role_arn,
        settings.snowflake_error_topic_arn,
        settings.snowflake_error_role_arn,
        settings.snowflake_edition == "enterprise",
        settings.snowflake_credit_quota,
        settings.raw_retention_months,
    )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} can't be written ({error.strerror})", "Name another folder: --to.") from error
    note(str(path))
