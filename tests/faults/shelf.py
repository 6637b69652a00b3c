"""Where a trial's objects are looked at: straight in the bucket or the folder, past the proxy and past `ingest`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import boto3
import polars as pl

from tests.faults.account import Stored

_PREFIX: Final = "events/"
_KEY: Final = re.compile(r"^[^/]+/([^/]+)/partition=(\d{5})/\d{20}\.parquet$")


class Shelf(Protocol):
    """A bucket or a folder with objects, by their keys below the prefix."""

    def keys(self) -> Iterator[str]:
        """Every key."""

    def next(self, key: str) -> int:
        """Where the object says that it ends."""

    def objects(self) -> Iterator[Stored]:
        """Every object."""

    def clear(self) -> None:
        """Away with it all."""


def tips(shelf: Shelf, topic_id: str) -> dict[int, int]:
    """Where the last object of each of the topic's chains ends, by partition."""
    last: dict[int, str] = {}
    for key in sorted(shelf.keys()):
        found = _KEY.match(key)
        if found and found[1] == topic_id:
            last[int(found[2])] = key
    return {partition: shelf.next(key) for partition, key in last.items()}


class Bucket:
    """A bucket of an S3 API."""

    def __init__(self, url: str, name: str) -> None:
        self._name = name
        self._s3 = boto3.session.Session().client(
            "s3", endpoint_url=url, region_name="us-west-2", aws_access_key_id="t", aws_secret_access_key="t"
        )

    def keys(self, prefix: str = _PREFIX) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix):
            yield from (one["Key"].removeprefix(prefix) for one in page.get("Contents", ()))

    def next(self, key: str) -> int:
        return int(self._s3.head_object(Bucket=self._name, Key=_PREFIX + key)["Metadata"]["next"])

    def objects(self) -> Iterator[Stored]:
        for key in self.keys():
            found = self._s3.get_object(Bucket=self._name, Key=_PREFIX + key)
            yield Stored(key, found["Body"].read(), found["Metadata"])

    def clear(self) -> None:
        for key in list(self.keys("")):
            self._s3.delete_object(Bucket=self._name, Key=key)
        self._s3.close()


class Folder:
    """A folder; hidden files are no objects."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keys(self) -> Iterator[str]:
        paths = (path for path in self.root.rglob("*") if path.is_file() and not path.name.startswith("."))
        yield from (path.relative_to(self.root).as_posix() for path in paths)

    def next(self, key: str) -> int:
        return int(pl.read_parquet_metadata(self.root / key)["next"])

    def objects(self) -> Iterator[Stored]:
        for key in self.keys():
            yield Stored(key, (self.root / key).read_bytes(), None)

    def clear(self) -> None:
        """Whoever mounted it unmounts it."""
