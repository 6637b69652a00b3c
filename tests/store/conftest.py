from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from ingest.store import open_store
from tests.services.s3 import CREDENTIALS, S3Server, s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.chain import Store

BUCKET = "events"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        server.create_bucket(BUCKET)
        yield server


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, credentials: None) -> Store:
    """An empty store of each kind."""
    if request.param == "folder":
        return open_store(str(tmp_path / "not" / "there" / "yet"))
    server = request.getfixturevalue("s3")
    return open_store(f"s3://{BUCKET}/test/{next(_numbers)}/", endpoint_url=server.url)
