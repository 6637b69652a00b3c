"""Reading members of JSON that others wrote: nothing about it is sure, and what is not as expected is None.

Numbers are integers or `Decimal`, so that no digit of a source's is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

Entity = Mapping[str, Any]
Number = int | Decimal
_T = TypeVar("_T")
#: What `read` raises; `ArithmeticError` for a number beyond what `Decimal` holds.
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_encode_sorted = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


def read(value: bytes) -> Any:
    """The JSON value of a text. Raises one of `UNREADABLE` if it is none."""
    return _decode(value)


def written(value: Any) -> bytes:
    """JSON of values as `read` gives them, with `msgspec.Raw` in it as it stands."""
    return _encode(value)


def canonical(value: Any) -> bytes:
    """One text for all ways to write the same value: members sorted, no white space."""
    return _encode_sorted(value)


def at(value: Any, *names: str) -> Any:
    """What stands at a path of members; None where it ends early."""
    for name in names:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def text(value: Any) -> str | None:
    """A text that is not empty."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> Number | None:
    """A number; true and false are none."""
    return value if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def share(part: Number, whole: Number, least: Number = 0) -> Decimal | None:
    """How far a part is on the way from the least to the whole; None where no number can tell."""
    try:
        return (Decimal(part) - least) / (Decimal(whole) - least)
    except ArithmeticError:
        return None


def truth(value: Any) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def present(values: Mapping[str, _T | None]) -> dict[str, _T]:
    """Those of the values that are there."""
    return {name: value for name, value in values.items() if value is not None}
