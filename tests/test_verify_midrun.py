"""A pipeline at work is sound at every moment: verification finds nothing wrong while all of it moves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ingest.cli import asking
from ingest.errors import WarehouseLocked
from ingest.folder import FolderStore
from ingest.inventory import take
from ingest.store import open_store
from tests.damage import FolderHands, Site, hands_of
from tests.fixtures_s3 import s3_credentials  # noqa: F401 - a fixture
from tests.locking import held_elsewhere
from tests.running import Pipeline, eventually
from tests.services.s3 import CREDENTIALS
from tests.store.objects import chain_object, key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.chain import Entry


@pytest.mark.parametrize(
    ("broker", "kind"), [("embedded", "folder"), pytest.param("kafka", "s3", marks=pytest.mark.kafka)]
)
def test_nothing_is_wrong_while_records_come_in_and_are_stored_and_loaded(
    broker: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest, credentials: None
) -> None:
    """A producer, a consumer and a loader at work; each look ends somewhere in the middle."""
    bootstrap = request.getfixturevalue(f"{broker}_broker")
    server = request.getfixturevalue("s3") if kind == "s3" else None
    store = FolderStore(tmp_path / "store")
    if server:
        server.create_bucket("midrun")
        store = open_store("s3://midrun/raw", endpoint_url=server.url)
    pipeline = Pipeline(bootstrap, tmp_path / "unused")
    site = Site(store, hands_of(store, server), tmp_path / "warehouse.duckdb", pipeline)
    done = threading.Event()
    sender = threading.Thread(target=_send, args=(pipeline, done))
    behind, waiting, records = set(), set(), set()
    sender.start()
    with pipeline.running(store=store, rows=40, age=0.05):
        eventually(site.objects)
        try:
            with _loader(site, server.url if server else None):
                eventually(site.warehouse.exists)
                _look_again_and_again(site, behind, waiting, records)
        finally:
            done.set()
            sender.join(60)
    assert max(behind) > 0
    assert max(waiting) > 0
    pipeline.run(store=store)
    site.load()
    assert site.found(complete=True, deep=True) == set()


def _look_again_and_again(site: Site, behind: set[int], waiting: set[int], records: set[int]) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until or len(records) < 5:
        report = site.verify()
        if isinstance(report.away.get("warehouse"), WarehouseLocked):  # the loader has had it for ten seconds
            report.away.pop("warehouse")
        assert (report.discrepancies, report.away) == ([], {})
        behind.add(sum(one.end.behind for one in report.accounts if one.end))
        waiting.add(sum(one.waiting for one in report.accounts))
        records.add(sum(one.walk.records for one in report.accounts))


def _send(pipeline: Pipeline, done: threading.Event) -> None:
    sent = 0
    while not done.is_set():
        pipeline.produce(25, start=sent)
        sent += 25
        done.wait(0.02)


class _loader:  # noqa: N801 - reads as what it is in a with
    def __init__(self, site: Site, endpoint: str | None) -> None:
        places = ["--store", site.store.url, "--warehouse", str(site.warehouse)]
        self._words = [sys.executable, "-m", "ingest", "load", "--follow", "--interval", "0.2", *places]
        self._env = os.environ | CREDENTIALS | ({"S3_ENDPOINT_URL": endpoint} if endpoint else {})

    def __enter__(self) -> None:
        self._process = subprocess.Popen(
            self._words, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        assert self._process.wait(30) == 0


class Torn(FolderStore):
    """Lists the third object without the second one at first, as a folder may that is listed while objects come."""

    looks = 0

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        self.looks += 1
        hidden = {key(10)} if self.looks == 1 else set()
        late = set() if self.looks > 1 else {key(30)}
        yield from (one for one in super().list(prefix, after) if one.key not in hidden | late)


def test_an_object_that_a_listing_passed_by_is_looked_for_again(tmp_path: Path) -> None:
    store = Torn(tmp_path)
    for start in (0, 10, 20, 30):
        store.put_if_absent(*chain_object(start, 10))
    inventory = take(store)
    assert [one.key for one in inventory.objects] == [key(0), key(10), key(20)]
    assert store.looks == 2


def test_a_warehouse_that_stays_locked_is_told_and_the_rest_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(FolderStore(tmp_path / "store"), FolderHands(tmp_path / "store"), tmp_path / "warehouse.duckdb")
    site.store.put_if_absent(*chain_object(10, 10))
    site.load()
    monkeypatch.setattr(asking, "_PATIENCE", 0.3)
    with held_elsewhere(site.warehouse) as holder:
        report = site.verify(broker=False)
    assert str(holder.pid) in str(report.away["warehouse"])
