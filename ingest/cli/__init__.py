"""The command line: the composition root. The only reader of the environment and of the clock, the only printer.

Heavy libraries are imported inside the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from contextlib import suppress
from typing import Annotated, Final

import typer

from ingest import __version__
from ingest.cli.tasks import ByTask, registered
from ingest.console import leave, note
from ingest.errors import DependencyError, IngestError, SettingsError

_NOBODY_READS: Final = 141
#: What the system says of a stdout that takes no more: disk, quota, limit, device.
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))

app = registered(
    typer.Typer(
        cls=ByTask,
        help="Learner events from a Kafka topic to trusted analytics.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(f"ingest {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; errors that users can act on end in two lines and their exit code.

    A reader of stdout that went away (`| head`) is no error: 141, as of a process that SIGPIPE ended. Whatever
    can't be written is told in a line. Both end at once, or the interpreter would try to write the rest again.
    """
    try:
        try:
            _run()
        finally:
            if sys.stdout:  # None where the shell closed it
                sys.stdout.flush()
    except BrokenPipeError:
        os._exit(_NOBODY_READS)
    except OSError as error:
        with suppress(OSError):  # stderr may be as full
            note(f"error: the output can't be written ({error.strerror})")
            note("next:  Send it elsewhere, or free some space; what is stored and loaded is not touched by it.")
        os._exit(DependencyError.exit_code)


def _asks_many() -> bool:
    """Whether the command asks several parts, of which the warehouse can be left out."""
    return bool({"status", "verify", "retention"} & set(sys.argv[1:2]))


def _run() -> None:
    try:
        app()
    except SystemExit as ending:
        if isinstance(ending.__context__, BrokenPipeError):  # typer makes a 1 of it
            raise ending.__context__ from None
        raise
    except KeyboardInterrupt:
        raise
    except IngestError as error:
        note(f"error: {error}")
        if error.remedy:
            note(f"next:  {error.remedy}")
        leave(error.exit_code)
    except ModuleNotFoundError as error:
        note(f"error: this command needs {error.name}, which is not installed")
        without = "; or leave it out: --without warehouse" if error.name == "duckdb" and _asks_many() else ""
        note(f"next:  pip install '.[load,dbt,report,lookml]' in a checkout, or make setup{without}")
        leave(SettingsError.exit_code)
    except BaseException as error:  # a panic in a library written in Rust is no Exception
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            raise
        traceback.print_exc()
        note("error: this is a bug in ingest; what is stored and loaded is not touched by it")
        note("next:  report it with the lines above")
        leave(IngestError.exit_code)
