"""Waiting for something to come true, within bounds."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(ask: Callable[[], object], what: str | Callable[[], str], seconds: float = 180) -> None:
    """Wait until `ask` answers something true; otherwise `what` was waited for in vain."""
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what if isinstance(what, str) else what()}"
        time.sleep(0.1)
