"""Checks, one after the other: each bounded in time, none stopped by another's failure.

A check is a question with a `Finding` for an answer. One that depends on others is skipped, with the reason, when any
of those did not succeed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ingest.errors import DependencyError, IngestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class State(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: in one sentence, and the next thing to do. `code` is the exit code of a failure."""

    state: State
    said: str
    remedy: str = ""
    code: int = DependencyError.exit_code


def ok(said: str) -> Finding:
    """All is well."""
    return Finding(State.OK, said)


def warning(said: str, remedy: str) -> Finding:
    """It works, and is probably not what was meant."""
    return Finding(State.WARNING, said, remedy)


def failed(said: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(State.FAILED, said, remedy)


def skipped(why: str) -> Finding:
    """It can't be asked, or need not be."""
    return Finding(State.SKIPPED, why)


@dataclass(frozen=True, slots=True)
class Check:
    """A question by its name, and the names of those that must have succeeded before it is asked."""

    name: str
    ask: Callable[[], Finding]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """A check's name and its finding."""

    name: str
    finding: Finding


def examine(checks: Sequence[Check], timeout: float) -> Iterator[Checked]:
    """Ask each in order, each for at most `timeout` seconds. A question that hangs is left to itself."""
    wanting: set[str] = set()
    for check in checks:
        if missing := [name for name in check.needs if name in wanting]:
            finding = skipped(f"needs: {', '.join(missing)}")
        else:
            finding = _bounded(check.ask, timeout)
        if finding.state in (State.FAILED, State.SKIPPED):
            wanting.add(check.name)
        yield Checked(check.name, finding)


def exit_code(found: Sequence[Checked]) -> int:
    """0, or that of the failures; settings (2) before dependencies (3), for they are mended first."""
    return min((one.finding.code for one in found if one.finding.state is State.FAILED), default=0)


def _bounded(ask: Callable[[], Finding], timeout: float) -> Finding:
    found: list[Finding] = []
    thread = threading.Thread(target=lambda: found.append(_answer(ask)), daemon=True)
    thread.start()
    thread.join(timeout)
    return found[0] if found else failed(f"no answer within {timeout:g} s", "Ask again with a longer --timeout.")


def _answer(ask: Callable[[], Finding]) -> Finding:
    try:
        return ask()
    except IngestError as error:
        return Finding(State.FAILED, str(error), error.remedy, error.exit_code)
    except ModuleNotFoundError as error:
        return skipped(f"{error.name} is not installed")
    except Exception as error:  # the other checks go on; the text may quote anything
        return failed(f"the check itself fails ({type(error).__name__})", "This is a bug in ingest: report it.")
