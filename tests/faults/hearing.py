"""Which signals a process has handlers for."""

from __future__ import annotations

import re
from pathlib import Path


def hears(pid: int, number: int) -> bool:
    """Whether this signal would be handled, and not end the process at once. False if there is no such process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    caught = re.search(r"^SigCgt:\s*(\w+)", status, re.M)
    return bool(caught and int(caught[1], 16) >> (number - 1) & 1)
