"""How often a process is killed until its kills show something."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator


def kills(planned: int, worked: Callable[[], object]) -> Iterator[int]:
    """The number of each kill: the planned ones, and on a busy machine more, until one came after some work."""
    for number in itertools.count():
        if number >= planned and worked():
            return
        yield number
