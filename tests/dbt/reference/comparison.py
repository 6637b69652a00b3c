"""What differs between a table of the reference and one of the warehouse."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from tests.dbt.reference.tables import Table

_TOLERANCE = 2e-9  #: a delta is the difference of two figures, each rounded to nine decimals


def differences(expected: Table, actual: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A sentence for each row or figure that is missing, too many, or another. `actual` has the expected columns."""
    left = {tuple(row[: expected.key]): row for row in expected.rows}
    seen = set()
    for row in actual:
        key = tuple(row[: expected.key])
        if key in seen:
            yield f"{key}: twice"
        elif key not in left:
            yield f"{key}: not expected"
        else:
            for column, want, got in zip(expected.columns, left[key], row, strict=True):
                if not _same(want, got):
                    yield f"{key}: {column} is {got!r}, not {want!r}"
        seen.add(key)
    yield from (f"{key}: missing" for key in left if key not in seen)


def _same(want: Any, got: Any) -> bool:
    if isinstance(want, bool) or not isinstance(want, int | float | Decimal):
        return bool(want == got)
    if isinstance(got, bool) or not isinstance(got, int | float | Decimal):
        return False
    return math.isclose(want, got, rel_tol=1e-12, abs_tol=_TOLERANCE)
