"""Keys and metadata that every store can hold: the smaller of what the two can, so that all of it moves freely."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ingest.errors import StoreRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = re.compile(r"[a-z0-9_-]+")
_VALUE: Final = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
_METADATA_LIMIT: Final = 2048  # bytes of names and values together: S3's own limit


def is_key(key: str) -> bool:
    """Whether both stores can hold `key`: parts between single `/`, none empty or beginning with a dot."""
    return key.isprintable() and all(part and part[0] != "." for part in key.split("/"))


def check_key(key: str) -> None:
    """Raise ValueError unless `is_key`: nothing outside the root, nothing that a listing would hide."""
    if not is_key(key):
        raise ValueError(f"not an object's key: {key!r}")


def check_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The mapping with names in lower case; ValueError if S3 could not hand it back unchanged.

    Names are letters, digits, `_` and `-`; values printable ASCII without spaces at either end; 2,048 bytes
    in all. HTTP headers carry them, which change everything else on the way.
    """
    lower = {name.lower(): value for name, value in metadata.items()}
    held = all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in lower.items())
    if not held or len(lower) < len(metadata):
        raise ValueError("metadata must be plain ASCII, its names distinct in lower case")
    if sum(len(name) + len(value) for name, value in lower.items()) > _METADATA_LIMIT:
        raise ValueError(f"metadata is over {_METADATA_LIMIT} bytes")
    return lower


def missing(url: str, key: str) -> StoreRefused:
    """The error of reading a key that holds nothing."""
    return StoreRefused(
        f"{url}: there is no object {key}",
        "Objects are never deleted by the pipeline: look for a lifecycle rule or a job.",
    )
