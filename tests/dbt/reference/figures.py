"""How figures are rounded and divided: seconds and mastery exactly, quotients once, at the end."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

MICROSECOND = timedelta(microseconds=1)
_NINE_DECIMALS = Decimal("0.000000001")


def seconds(span: timedelta) -> Decimal:
    """Exact seconds with six decimals."""
    return Decimal(span // MICROSECOND).scaleb(-6)


def nine_decimals(value: float) -> Decimal:
    """Rounded half away from zero. An engine that rounds the double otherwise may differ by 1e-9."""
    return Decimal(value).quantize(_NINE_DECIMALS, ROUND_HALF_UP)


def quotient(part: int | Decimal, whole: int) -> float | None:
    """None where there is nothing to divide by."""
    return float(Fraction(part) / whole) if whole else None


def mean(values: Collection[Decimal]) -> float | None:
    """None for no values."""
    return quotient(sum(values, Decimal(0)), len(values))


def percentile(values: Collection[int], share: float) -> float | None:
    """Interpolated between the two values next to the place `share` of the way from the least to the greatest."""
    if not values:
        return None
    ordered = sorted(values)
    place = Fraction(str(share)) * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))
