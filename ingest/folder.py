"""A folder as the store."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final

import polars as pl

from ingest.chain import Entry
from ingest.errors import StoreError, StoreRefused, StoreUnavailable
from ingest.keys import check_key, check_metadata, is_key, missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_ABSENT: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FolderStore:
    """Objects as files below `root`, which is made on the first put.

    A body is written under a hidden name, flushed to the disk, and then linked to its own name: that link
    is the condition, and the moment when a reader sees it. Metadata is not kept beside the body, where a
    crash could part the two, but read from the Parquet footer; so a body must be Parquet whose footer holds
    exactly the metadata given. A killed writer leaves at most a hidden `.put-…`, which no listing shows.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._durable: set[Path] = set()

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self._root)

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        """See `Store`. ValueError if the body's footer does not hold `metadata`."""
        check_key(key)
        if _footer(BytesIO(body)) != check_metadata(metadata):
            raise ValueError(f"{key}: in a folder the Parquet footer must hold exactly the metadata given")
        path = self._root / key
        with self._filesystem(f"can't write {key}"):
            self._make(path.parent)
            won = _create(path, body)
            _sync(path.parent)  # also when it was taken: its writer may have died before this step
        return won

    def metadata(self, key: str) -> dict[str, str] | None:
        """See `Store`."""
        check_key(key)
        with self._filesystem(f"can't read {key}"):
            try:
                with (self._root / key).open("rb") as body:
                    found = _footer(body)
            except _ABSENT:
                return None
        if found is None:
            raise StoreRefused(
                f"{self.url}: {key} is damaged, or is no Parquet",
                "Put it back from a backup; `ingest verify` names all that is wrong.",
            )
        return found

    def read(self, key: str) -> bytes:
        """See `Store`."""
        check_key(key)
        with self._filesystem(f"can't read {key}"):
            try:
                return (self._root / key).read_bytes()
            except _ABSENT as error:
                raise missing(self.url, key) from error

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """See `Store`. One directory at a time is held in memory."""
        with self._filesystem("can't list"):
            yield from _walk(self._root, "", prefix, after)

    def remove(self, key: str) -> None:
        """Remove an object that is past its retention, if it is there, and folders that it leaves empty.

        No `Store` does this: on S3 a lifecycle rule does, and the pipeline itself never removes anything.
        """
        check_key(key)
        path = self._root / key
        with self._filesystem(f"can't remove {key}"):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            for one in path.relative_to(self._root).parents[:-1]:
                (self._root / one).rmdir()

    def _make(self, directory: Path) -> None:
        """Make the directory and its parents, so that they too outlive a power cut."""
        if self._durable and not (self._root.exists() and any(self._root.iterdir())):
            raise StoreUnavailable(
                f"{self.url}: all that was there is gone",
                "Is its volume unmounted, or was it moved? Put it back: nothing is written here meanwhile.",
            )
        known = directory in self._durable
        missing = [] if known else [one for one in directory.parents if not one.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        if known:
            return
        ours = [one for one in (directory, *directory.parents) if one.is_relative_to(self._root)]
        for parent in {one.parent for one in (*ours, *missing)}:
            _sync(parent)
        self._durable.add(directory)

    @contextmanager
    def _filesystem(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _folder_error(error, f"{self.url}: {what}") from error


def _create(path: Path, body: bytes) -> bool:
    hidden = path.with_name(f".put-{secrets.token_hex(8)}")
    try:
        with hidden.open("xb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        return _link(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)


def _link(hidden: Path, path: Path) -> bool:
    try:
        path.hardlink_to(hidden)
    except FileExistsError:
        # NFS may answer a repeated request with "exists" though the first one made the link
        return hidden.stat().st_nlink == 2
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        remedy = "Use a local disk (ext4, xfs, APFS …) or NFS for the folder, or an S3 bucket."
        raise StoreRefused(f"{path.parent}: this filesystem has no hard links", remedy) from error
    return True


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a filesystem that can't flush directories
            raise
    finally:
        os.close(handle)


def _footer(source: BinaryIO) -> dict[str, str] | None:
    """The key/value metadata of a Parquet footer, names in lower case; None if it isn't Parquet."""
    try:
        found = pl.read_parquet_metadata(source)
    except pl.exceptions.PolarsError:
        return None
    return {name.lower(): value for name, value in found.items() if name != "ARROW:schema"}


def _walk(directory: Path, above: str, prefix: str, after: str) -> Iterator[Entry]:
    """Entries in key order. Comparing text is comparing UTF-8 bytes: both follow the code points."""
    try:
        found = [(one.name + "/" * one.is_dir(), one) for one in os.scandir(directory)]
    except FileNotFoundError:
        return
    for name, one in sorted(found, key=lambda pair: pair[0]):
        key = above + name
        if not is_key(key.removesuffix("/")):
            continue
        if name.endswith("/"):
            wanted = key.startswith(prefix) or prefix.startswith(key)
            if wanted and (after <= key or after.startswith(key)):
                yield from _walk(directory / one.name, key, prefix, after)
        elif key.startswith(prefix) and key > after:
            with suppress(FileNotFoundError):  # retention took it a moment ago
                seen = one.stat()
                yield Entry(key, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC))


def _folder_error(error: OSError, what: str) -> StoreError:
    text = f"{what}: {error.strerror or error}"
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL):
        return StoreRefused(text, "Choose another folder.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreUnavailable(text, "Free some space; nothing is lost meanwhile.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreUnavailable(text, "Give this user the right to write there; nothing is lost meanwhile.")
    return StoreUnavailable(text, "Look at the disk and its mount; nothing is lost meanwhile.")
