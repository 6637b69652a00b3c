"""The consumer on a chain that retention has taken from: it goes on at its end, or begins once that is accepted."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.errors import ChainError
from ingest.folder import FolderStore
from ingest.layout import slot_of
from ingest.load import load
from ingest.warehouse import DuckDbWarehouse
from tests.aged import AgedStore, query
from tests.damage import FolderHands, Site
from tests.running import Pipeline

NOW = datetime.now(UTC)


@pytest.fixture
def site(embedded_broker: str, tmp_path: Path) -> Site:
    """A topic of which 400 records are stored in several objects a partition, and loaded."""
    pipeline = Pipeline(embedded_broker, tmp_path / "objects")
    pipeline.produce(400)
    pipeline.run(rows=20)
    store = FolderStore(pipeline.root)
    made = Site(store, FolderHands(pipeline.root), tmp_path / "warehouse.duckdb", pipeline)
    made.load()
    return made


def expire(site: Site) -> None:
    """As if all that is loaded were past its time."""
    with DuckDbWarehouse(site.warehouse, lambda: NOW) as warehouse:
        warehouse.expire(NOW + timedelta(hours=1))


def ends(site: Site) -> dict[int, int]:
    """Where the chain of each partition ends."""
    return {chain.partition: int(site.said(keys[-1])["next"]) for chain, keys in site.chains().items()}


def test_it_goes_on_at_the_end_of_a_chain_that_has_lost_its_beginning(site: Site) -> None:
    assert site.pipeline is not None
    before = ends(site)
    expire(site)
    for keys in site.chains().values():
        assert len(keys) > 1
        for key in keys[:-1]:
            site.hands.remove(key)
    kept = set(site.objects())
    site.pipeline.produce(100, start=400)
    summary = site.pipeline.run(rows=1000)
    assert (summary.records, summary.lost) == (100, [])
    added = [slot_of(key) for key in site.objects() if key not in kept]
    assert {slot.chain.partition: slot.start for slot in added if slot} == before
    assert site.found(complete=False) == set()
    site.load()
    assert site.found(complete=True) == set()
    assert query(site.warehouse, "select count(*) from raw.raw_events") == [(100,)]


def test_of_a_chain_that_is_gone_it_stores_anew_what_the_broker_still_has_once_that_is_accepted(site: Site) -> None:
    """Here the broker has everything. Nothing is lost, nothing is twice in the warehouse, and all is loaded."""
    assert site.pipeline is not None
    expire(site)
    for key in site.objects():
        site.hands.remove(key)
    assert site.found() == set()
    site.pipeline.produce(100, start=400)
    with pytest.raises(ChainError, match="is empty"):
        site.pipeline.run(rows=1000)
    summary = site.pipeline.run(rows=1000, accept=True)
    assert (summary.records, summary.lost) == (500, [])
    assert {slot.start for key in site.objects() if (slot := slot_of(key))} == {0}
    aged = AgedStore(site.store, age=NOW + timedelta(days=3))  # stored long after the others were loaded
    done = load(aged, site.warehouse, lambda: NOW + timedelta(days=4), lambda line: None, threading.Event())
    assert (done.rows, done.changed, done.failed) == (500, 0, 0)
    site.store = aged
    assert site.found(complete=True) == set()
    rows = "select count(*), count(distinct (_partition, _offset)) from raw.raw_events"
    assert query(site.warehouse, rows) == [(500, 500)]


def test_an_end_that_goes_before_the_rest_stops_it_until_the_rest_has_gone(site: Site) -> None:
    """Rules take objects of one day in any order. The commit names an object that was there: it asks for it back."""
    assert site.pipeline is not None
    expire(site)
    for keys in site.chains().values():
        site.hands.remove(keys[-1])
    assert site.found() == set(), "verification knows that all of it was old"
    site.pipeline.produce(100, start=400)
    with pytest.raises(ChainError, match="the group has committed"):
        site.pipeline.run(rows=1000)
    for key in site.objects():
        site.hands.remove(key)
    assert site.pipeline.run(rows=1000, accept=True).records == 500
