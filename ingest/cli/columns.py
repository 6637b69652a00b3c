"""Tables for people: aligned, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "-"  #: stands where there is no figure


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table. Heads may have two lines; all columns stand to the right but for the last one."""
    tops, bottoms = zip(*(head.rpartition("\n")[::2] for head in heads), strict=True)
    lines = [[*tops], [*bottoms], *([*row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        "  ".join([*(cell.rjust(width) for cell, width in zip(line[:-1], widths, strict=False)), line[-1]]).rstrip()
        for line in lines
    ]
    return texts if texts[0] else texts[1:]


def figure(number: int | None) -> str:
    """A number with its thousands apart; a sign where there is none."""
    return NOTHING if number is None else f"{number:,}"
