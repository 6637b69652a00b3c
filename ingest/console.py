"""The terminal: results on stdout, progress and notes on stderr, signals. Part of the composition root."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from threading import Event
from typing import Any, Final, NoReturn

#: Counts by name that stand on one line; more of them take a line each.
_ON_A_LINE: Final = 5
#: The exit code of a command that found what should agree and does not (docs/operations.md).
DIFFERS: Final = 4


class Output(StrEnum):
    """How a result is printed: for people, or for programs."""

    TEXT = "text"
    JSON = "json"


def print_result(result: Mapping[str, Any], output: Output) -> None:
    """A command's result on stdout: a line a value for people, or one JSON object."""
    if output is Output.JSON:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if text := _plain(value):  # empty lists and tables have nothing to say
            print(f"{name.replace('_', ' '):22} {text}")


def print_table(lines: Sequence[Mapping[str, Any]]) -> None:
    """Lines with the same names as a table on stdout, for people: numbers to the right. Nothing if there are none."""
    if not lines:
        return
    rows = [
        [name.replace("_", " ") for name in lines[0]],
        *([_plain(cell) for cell in line.values()] for line in lines),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = [isinstance(cell, int) for cell in lines[0].values()]
    for row in rows:
        cells = zip(row, widths, numbers, strict=True)
        print("  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip())


def _plain(value: Any) -> str:
    """A result's value for people; nothing to say is the empty text."""
    if isinstance(value, dict):
        apart = "  " if len(value) <= _ON_A_LINE else f"\n{'':23}"
        return apart.join(f"{key} {count:,}" for key, count in value.items())
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{value:,}"


@contextmanager
def progress(what: str, expected: int | None) -> Iterator[Callable[[int], None]]:
    """Show how far long work is, on one line of a terminal, and not at all elsewhere."""
    shown = False

    def show(count: int) -> None:
        nonlocal shown
        if sys.stderr.isatty():
            share = f" of {expected:,} ({count / expected:.0%})" if expected else ""
            sys.stderr.write(f"\r{count:,} {what}{share}\033[K")
            sys.stderr.flush()
            shown = True

    try:
        yield show
    finally:
        if shown:
            sys.stderr.write("\r\033[K")


def live(text: str) -> None:
    """Show what goes on at the moment, on one line of a terminal that the next replaces, and not at all elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\033[K")
        sys.stderr.flush()


@contextmanager
def stopping() -> Iterator[Event]:
    """An event that the first SIGINT or SIGTERM sets; the second leaves at once."""
    stop = Event()

    def on_signal(number: int, _: object) -> None:
        if stop.is_set():
            os.write(2, b"left at once; what was read and not stored is read again\n")
            os._exit(128 + number)
        stop.set()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def note(text: str) -> None:
    """Tell people something, on stderr."""
    print(text, file=sys.stderr)


def leave(code: int) -> NoReturn:
    """End now, even if a thread still waits for a store that does not answer."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
