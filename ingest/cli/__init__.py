"""The command line: the composition root. The only reader of the environment and of the clock, the only printer.

Heavy libraries are imported inside the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import traceback
from typing import Annotated

import typer

from ingest import __version__
from ingest.cli import config, consume, doctor, load, local, produce, quarantine, replay, status, verify
from ingest.console import leave, note
from ingest.errors import IngestError, SettingsError

app = typer.Typer(
    help="Learner events from a Kafka topic to trusted analytics.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(consume.consume)
app.command()(produce.produce)
app.command()(load.load)
app.add_typer(quarantine.app, name="quarantine")
app.command()(replay.replay)
app.command()(verify.verify)
app.command()(status.status)
app.command()(config.config)
app.command()(doctor.doctor)
app.command()(local.broker)
app.command()(local.demo)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(f"ingest {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; errors that users can act on end in two lines and their exit code."""
    try:
        app()
    except IngestError as error:
        note(f"error: {error}")
        if error.remedy:
            note(f"next:  {error.remedy}")
        leave(error.exit_code)
    except ModuleNotFoundError as error:
        note(f"error: this command needs {error.name}, which is not installed")
        note("next:  pip install '.[load,dbt]' in a checkout, or make setup")
        leave(SettingsError.exit_code)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:  # a panic in a library written in Rust is no Exception
        traceback.print_exc()
        note("error: this is a bug in ingest; what is stored and loaded is not touched by it")
        note("next:  report it with the lines above")
        leave(IngestError.exit_code)
