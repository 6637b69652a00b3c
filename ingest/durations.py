"""ISO 8601 durations, as xAPI and Caliper write them: seconds.

Years and months have no certain length: a duration that has some is not computed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

_NUMBER: Final = r"(\d{1,12}(?:[.,]\d{1,12})?)"
_FORM: Final = re.compile(
    rf"P(?=.)(?:0+Y)?(?:0+M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=.)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII,
)
_SECONDS: Final = (604_800, 86_400, 3_600, 60, 1)


def seconds_of(duration: Any) -> int | Decimal | None:
    """The seconds of a duration like `PT1H30M`, exactly; None if it is none or has no certain length."""
    found = _FORM.fullmatch(duration) if isinstance(duration, str) else None
    if found is None:
        return None
    parts = zip(found.groups("0"), _SECONDS, strict=True)
    total = sum((Decimal(part.replace(",", ".")) * seconds for part, seconds in parts), Decimal(0))
    return int(total) if total == total.to_integral_value() else total.normalize()
