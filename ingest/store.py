"""Where objects are kept: the address of a folder or a bucket becomes its store.

Both kinds do what `ingest.chain.Store` says and pass one contract suite (tests/store). The condition that makes
a chain safe is asked for in one call each: a hard link in a folder, `If-None-Match: *` on S3.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from ingest.errors import SettingsError
from ingest.folder import FolderStore
from ingest.s3 import S3Store

if TYPE_CHECKING:
    from ingest.chain import Store


_FORMS: Final = (
    "Give s3://bucket/prefix, file:///folder or a path (./name:x if it has a colon); "
    "S3_ENDPOINT_URL as http(s)://host:port."
)


def open_store(
    url: str, *, endpoint_url: str | None = None, region: str | None = None, kms_key_id: str | None = None
) -> Store:
    """The store at `s3://bucket/prefix`, `file:///folder`, or a folder's path. Touches nothing yet.

    Raises `SettingsError` for anything else; credentials in the URL are refused, and not repeated.
    """
    if "://" in url and "@" in url:
        raise SettingsError("the store's URL holds a user or a secret", "Give credentials by AWS_* or a role.")
    try:
        return _open(url, endpoint_url=endpoint_url, region=region, kms_key_id=kms_key_id)
    except (ValueError, RuntimeError) as error:
        raise SettingsError(f"not a store: {url!r} ({error})", _FORMS) from error


def _open(url: str, *, endpoint_url: str | None, region: str | None, kms_key_id: str | None) -> Store:
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(parts.netloc, parts.path, endpoint_url=endpoint_url, region=region, kms_key_id=kms_key_id)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return FolderStore(Path(unquote(parts.path)))
    if "://" in url or not url or re.match(r"[a-z][a-z0-9]+:", url):  # `s3:/bucket` is a slip, no folder
        raise SettingsError(f"not a store: {url!r}", _FORMS)
    return FolderStore(Path(url).expanduser())
