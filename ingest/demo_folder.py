"""The folder that the demo plays in: made anew each time, and never anybody's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ingest.errors import SettingsError

_MARK: Final = ".made-by-ingest-demo"
_WORDS: Final = "`ingest demo` empties this folder when it runs again, unless other chains than these are in it.\n"


def make_anew(data: Path, store: Path, echo: Callable[[str], object]) -> None:
    """Empty `data`, if an earlier demo has made all that is in it. Raises `SettingsError` if it has not.

    `store` is the folder of the objects in it.
    """
    mark = data / _MARK
    if data.exists() and any(data.iterdir()):
        if not mark.exists():
            raise _not_ours(f"{data} holds something")
        known = mark.read_text().splitlines()[1:]
        others = sorted(_chains(store) - set(known))
        if known and others:  # without any the demo was interrupted before it noted its own
            raise _not_ours(f"{store / others[0]} is something")
        echo(f"{data} of the last demo is made anew")
        shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True)
    mark.write_text(_WORDS)


def note_chains(data: Path, store: Path) -> None:
    """Note which chains are the demo's: one that is there later and is not among them is somebody's own."""
    (data / _MARK).write_text(_WORDS + "\n".join(sorted(_chains(store))) + "\n")


def _chains(store: Path) -> set[str]:
    """Topics and their ids, as keys begin."""
    return {str(one.relative_to(store)) for one in store.glob("[!._]*/*") if one.is_dir()}


def _not_ours(what: str) -> SettingsError:
    return SettingsError(
        f"{what} that no demo has made", "Move it away, or name another folder: ingest demo --data FOLDER."
    )
