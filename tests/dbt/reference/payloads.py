"""What a payload says: its members as text, and the numbers and truths among them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NoReturn

#: At most 15 digits before the point and 40 after it: what every engine can hold. "nan" and "inf" are no numbers.
_NUMBER = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}

#: Names of members to their text. A member that is null or "" is not here.
Members = dict[str, str]


class _Numeral(str):
    """A JSON number by its digits as written."""

    __slots__ = ()


def members(payload: str) -> Members | None:
    """None where the text is no JSON, or names half a character. JSON that is no object has no members."""
    try:
        value = json.loads(
            payload, parse_int=_Numeral, parse_float=_Numeral, parse_constant=_refuse, object_pairs_hook=dict
        )
        _text(value).encode()
    except ValueError:  # the parent of both: malformed JSON, and a lone surrogate that has no UTF-8
        return None
    if not isinstance(value, dict):
        return {}
    return {name: _text(member) for name, member in value.items() if member not in (None, "")}


def number(text: str | None) -> float | None:
    """The number that a member's text writes, or None."""
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None


def whole_number(text: str | None) -> int | None:
    """The whole number from 1 that the text writes (`2`, `2.0`), or None; also where it needs more than 64 bits."""
    value = number(text)
    return int(value) if value is not None and 1 <= value < 2**63 and value.is_integer() else None


def truth(text: str | None) -> bool | None:
    """Whether the text says true or false, or None."""
    return _TRUTHS.get(text.lower()) if text is not None else None


def first_named(payload: Mapping[str, str], *names: str) -> tuple[str | None, str | None]:
    """The first of the names that the payload has, with its text."""
    return next(((name, payload[name]) for name in names if name in payload), (None, None))


def _text(value: object) -> str:
    """A scalar as itself, anything else as JSON without spaces."""
    return str(value) if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    if isinstance(value, _Numeral):
        return value
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(name)}:{_json(member)}" for name, member in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
