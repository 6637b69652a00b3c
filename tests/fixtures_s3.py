"""Fixtures: credentials for the session's S3 server, and an empty store of each kind. Import them where wanted."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from ingest.store import open_store
from tests.services.s3 import CREDENTIALS

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.chain import Store
    from tests.services.s3 import S3Server

_numbers = itertools.count()


@pytest.fixture(name="credentials")
def s3_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(name="store", params=["folder", "s3"])
def empty_store(request: pytest.FixtureRequest, tmp_path: Path, credentials: None) -> Store:
    """An empty store of each kind, below a root that isn't there yet."""
    if request.param == "folder":
        return open_store(str(tmp_path / "not" / "there" / "yet"))
    server: S3Server = request.getfixturevalue("s3")
    bucket = f"store-contract-{next(_numbers)}"
    server.create_bucket(bucket)
    return open_store(f"s3://{bucket}/some/prefix/", endpoint_url=server.url)
