"""`docs/cli.md`: every command with its options, from the commands themselves.

python -m ingest.cli.reference > docs/cli.md
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from ingest.cli import app
from ingest.cli.tasks import TASKS

_HEAD = """\
# The command line

Made by `make generate` from the commands; `ingest COMMAND --help` says the same. An option that stands for a setting
names it: a flag wins over the environment, that over `.env`, that over the default. Results are printed on stdout,
all else on stderr; `--output json` is for programs. [Operations](operations.md) has the settings and the exit codes.
"""


def reference() -> str:
    """The page."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    parts = [_HEAD]
    for task, entries in TASKS.items():
        parts.append(f"\n## {task}\n")
        for entry in entries:
            parts += _command(f"ingest {entry.name}", commands[entry.name])
    return "".join(parts)


def _command(name: str, command: Any, level: str = "###") -> Iterator[str]:
    yield f"\n{level} `{name}`\n\n{_text(command.help)}\n"
    if shown := [param for param in command.params if param.name != "help"]:
        yield "\n| | |\n|---|---|\n"
        yield from (f"| {_names(param)} | {_about(param)} |\n" for param in shown)
    for below, one in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {below}", one, level + "#")


def _text(help_text: str | None) -> str:
    """Paragraphs, each on one line; examples as code."""
    paragraphs = [" ".join(part.split()) for part in inspect.cleandoc(help_text or "").split("\n\n")]
    return "\n\n".join(_example(part) if part.startswith("Example") else _escaped(part) for part in paragraphs)


def _example(paragraph: str) -> str:
    examples = paragraph.partition(": ")[2].split("; ")
    return "```console\n" + "".join(f"$ {one}\n" for one in examples) + "```"


def _names(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{(param.metavar or param.name.upper()).strip('[]')}`"
    return ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))


def _about(param: Any) -> str:
    about = _escaped(" ".join((getattr(param, "help", None) or "").split()))
    default = param.default
    told = isinstance(default, (str, int, float, Path)) and not isinstance(default, bool) and default != ""
    return f"{about} Default: `{default}`." if told and "default" not in about else about


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
