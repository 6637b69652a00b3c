from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ingest.errors import SettingsError
from ingest.folder import FolderStore
from ingest.s3 import S3Store
from ingest.store import open_store


@pytest.mark.parametrize(
    ("given", "kind", "url"),
    [
        ("s3://bucket", S3Store, "s3://bucket"),
        ("s3://bucket/", S3Store, "s3://bucket"),
        ("s3://bucket/some/prefix/", S3Store, "s3://bucket/some/prefix"),
        ("/data/events", FolderStore, "/data/events"),
        ("file:///data/learner%20events", FolderStore, "/data/learner events"),
        ("data/events", FolderStore, str(Path.cwd() / "data" / "events")),
        ("~/events", FolderStore, str(Path.home() / "events")),
    ],
)
def test_an_address_names_a_store(given: str, kind: type, url: str) -> None:
    store = open_store(given)
    assert isinstance(store, kind)
    assert store.url == url


@pytest.mark.parametrize("given", ["", "s3://", "s3:///prefix", "gs://bucket", "file://host/data", "https://x/y"])
def test_what_is_no_address_of_a_store(given: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_store(given)
    assert caught.value.remedy


def test_what_is_no_address_of_an_endpoint() -> None:
    with pytest.raises(SettingsError, match="localhost:9000"):
        open_store("s3://bucket", endpoint_url="localhost:9000")


def test_opening_a_store_does_not_load_boto3() -> None:
    code = "import sys; from ingest.store import open_store; open_store('s3://b'); print('boto3' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
