"""Where objects are kept: the address of a folder or a bucket becomes its store.

Both kinds do what `ingest.chain.Store` says and pass one contract suite (tests/store). The condition that makes
a chain safe is asked for in one call each: a hard link in a folder, `If-None-Match: *` on S3.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ingest.errors import SettingsError
from ingest.folder import FolderStore
from ingest.s3 import S3Store

if TYPE_CHECKING:
    from ingest.chain import Store


def open_store(
    url: str, *, endpoint_url: str | None = None, region: str | None = None, kms_key_id: str | None = None
) -> Store:
    """The store at `s3://bucket/prefix`, `file:///folder`, or a folder's path. Touches nothing yet."""
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(parts.netloc, parts.path, endpoint_url=endpoint_url, region=region, kms_key_id=kms_key_id)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return FolderStore(Path(unquote(parts.path)))
    if "://" in url or not url:
        raise SettingsError(f"not a store: {url!r}", "Give s3://bucket/prefix, file:///folder or a path.")
    return FolderStore(Path(url).expanduser())
