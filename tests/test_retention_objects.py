"""Which objects go, in which order, and which are kept; a folder that loses them, and a bucket's rules over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest.chain import Entry
from ingest.errors import StoreError, StoreRefused
from ingest.folder import FolderStore
from ingest.holdings import read_history
from ingest.layout import slot_of
from ingest.retention_estate import Bucket, Estate, Taken
from ingest.retention_layers import Share, Taker
from ingest.retention_objects import Remover, removable, stocks
from ingest.retention_rows import DuckDbRaw
from ingest.store import open_store
from tests.aged import HORIZON, NOW, OLD, RETENTION, YOUNG, load_at
from tests.damage import FolderHands, Site, client_of
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures
from tests.retained import aged, put
from tests.store.objects import chain_object, key

if TYPE_CHECKING:
    from ingest.chain import Store
    from tests.services.s3 import S3Server

RECOVERED = "_recovered/" + key(0).replace(".parquet", "-0000.parquet")
JOB = "_jobs/ingest/20250101T000000Z-abc/000000.parquet"


def entries(*stored: tuple[str, datetime]) -> list[Entry]:
    return [Entry(name, 100, at) for name, at in sorted(stored)]


def test_what_is_past_its_time_and_what_is_kept() -> None:
    listed = entries(
        (key(0), OLD - timedelta(days=9)),
        (key(10), OLD),
        (key(20), YOUNG),
        (key(0, 1), OLD),
        (key(0, 2), OLD),
        (key(10, 2), OLD),
        (RECOVERED, OLD),
        (JOB, YOUNG),
        ("_probe/canary-1", OLD),
        ("notes/of-somebody", OLD),
    )
    found = {stock.name: stock for stock in removable(listed, HORIZON, lambda entry: entry.key != key(10))}
    assert {name: [entry.key for entry in stock.past] for name, stock in found.items()} == {
        "events_raw": [key(0), key(0, 2)],
        "_recovered/": [RECOVERED],
        "_jobs/": [],
    }
    events = found["events_raw"]
    assert (events.tips, events.unloaded, events.nbytes, events.oldest) == (2, 1, 200, OLD - timedelta(days=9))
    assert (found["_jobs/"].oldest, found["_recovered/"].oldest) == (YOUNG, OLD)
    by_rules = {stock.name: len(stock.past) for stock in stocks(listed, HORIZON)}
    assert by_rules == {"events_raw": 5, "_recovered/": 1, "_jobs/": 0}, "rules know no chains"


@pytest.mark.parametrize(("age", "ending"), [(OLD, 1), (HORIZON + timedelta(days=29), 1), (YOUNG, 0)])
def test_chains_that_rules_will_soon_end_are_told(age: datetime, ending: int) -> None:
    listed = entries((key(0), OLD), (key(10), age), (key(0, 1), OLD), (key(10, 1), YOUNG))
    (stock,) = stocks(listed, HORIZON)
    assert stock.ending == ending


def test_objects_of_unknown_age_are_left_alone() -> None:
    assert removable([Entry(key(0), 1), Entry(key(10), 1)], HORIZON) == []


def test_a_listing_tells_when_objects_were_stored(store: Store) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)  # S3 may tell whole seconds
    store.put_if_absent(*chain_object(0, 3))
    (entry,) = store.list()
    assert entry.modified is not None
    assert before <= entry.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert entry.modified.utcoffset() == timedelta(0)


def test_a_folder_removes_and_a_bucket_has_rules(store: Store) -> None:
    in_folder = not store.url.startswith("s3://")
    assert (isinstance(store, Remover), isinstance(store, Bucket)) == (in_folder, not in_folder)


# --- a folder ------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Two chains: of one the first two of three objects are old, of the other both. All is loaded as it is stored."""
    root = tmp_path / "objects"
    made = Site(FolderStore(root), FolderHands(root), tmp_path / "warehouse.duckdb", now=NOW)
    for at, places in ((OLD, ((0, 0), (10, 0), (0, 1), (10, 1))), (YOUNG, ((20, 0),))):
        for start, partition in places:
            put(made.store, start, partition)
            aged(root / key(start, partition), at)
        load_at(made, at)
    return made


def estate(site: Site) -> Estate:
    raw = DuckDbRaw(site.warehouse, lambda: NOW, lambda ask: ask())
    return Estate(RETENTION, ("events_raw",), site.store, raw, None, lambda: read_history(site.warehouse))


def shares(site: Site) -> dict[str, Share]:
    return {share.name: share for share in estate(site).look(NOW).shares}


def found(site: Site) -> set[tuple[str, str | None]]:
    return site.found(retention=RETENTION)


def test_a_plan_changes_nothing(site: Site) -> None:
    before = site.objects()
    plan = shares(site)
    assert {name: share.past for name, share in plan.items()} == {
        "events_raw": 3,
        "raw.raw_events": 40,
        "raw.job_runs": 0,
    }
    assert (plan["events_raw"].tips, plan["raw.raw_events"].oldest) == (1, OLD)
    assert site.objects() == before
    assert shares(site) == plan


def test_what_is_past_its_time_goes_and_the_ends_of_chains_stay(site: Site) -> None:
    taken = Taken()
    estate(site).apply(NOW, taken)
    assert site.objects() == [key(20), key(10, 1)]
    assert (taken.rows, taken.rows_of) == (40, {"raw_events": 40, "job_runs": 0})
    assert (taken.objects, taken.tips_kept, taken.unloaded_kept) == (3, 1, 0)
    assert found(site) == set()
    again = Taken()
    estate(site).apply(NOW, again)
    assert (again.rows, again.objects, again.bytes) == (0, 0, 0)
    done = load_at(site, NOW)
    assert (done.objects, done.changed, done.skipped) == (0, 0, 2)


def test_interrupted_anywhere_nothing_is_missed_and_the_rest_goes_the_next_time(site: Site) -> None:
    class Failing(FolderStore):
        left = 0

        def remove(self, key: str) -> None:
            if self.left == 0:
                raise StoreRefused("killed")
            self.left -= 1
            super().remove(key)

    whole = site.store
    for left in range(3):
        site.store = Failing(Path(whole.url))
        site.store.left = min(left, 1)
        with pytest.raises(StoreRefused):
            estate(site).apply(NOW, Taken())
        assert found(site) == set()
    site.store = whole
    estate(site).apply(NOW, Taken())
    assert site.objects() == [key(20), key(10, 1)]
    assert found(site) == set()


def test_objects_that_nobody_has_loaded_are_kept(site: Site) -> None:
    for table, column in (("load_history", "file"), ("raw_events", "_file")):
        site.sql(f"delete from raw.{table} where {column} = ?", key(10))  # noqa: S608
    taken = Taken()
    estate(site).apply(NOW, taken)
    assert site.objects() == [key(10), key(20), key(10, 1)]
    assert (taken.objects, taken.unloaded_kept) == (2, 1)
    assert load_at(site, NOW).rows == 10
    estate(site).apply(NOW, Taken())
    assert site.objects() == [key(20), key(10, 1)]


def test_empty_folders_go_too(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    name, body, held = chain_object(0, 1)
    store.put_if_absent(JOB, body, held)
    store.put_if_absent(name, body, held)
    store.remove(JOB)
    store.remove(JOB)
    assert [one.name for one in (tmp_path / "objects").iterdir()] == ["events_raw"]
    assert [entry.key for entry in store.list()] == [name]


# --- a bucket ------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(s3: S3Server, credentials: None, request: pytest.FixtureRequest) -> Store:
    name = "retention-" + str(abs(hash(request.node.name)))[:12]
    s3.create_bucket(name)
    return open_store(f"s3://{name}/events", endpoint_url=s3.url)


def over(bucket: Store) -> Estate:
    return Estate(RETENTION, ("events_raw",), bucket, None, None, None)


def test_rules_are_set_and_those_of_others_are_kept(bucket: Store, s3: S3Server) -> None:
    name = bucket.url.removeprefix("s3://").split("/")[0]
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "other/"}, "Expiration": {"Days": 3}}
    assert bucket.rules() == []
    client_of(s3).put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [theirs]})
    client_of(s3).put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    bucket.put_if_absent(*chain_object(0, 3))
    assert over(bucket).set_rules() == 4
    assert over(bucket).set_rules() == 4
    found = client_of(s3).get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert found[0] == theirs
    assert {one["Filter"]["Prefix"]: one["Expiration"]["Days"] for one in found[1:]} == {
        "events/events_raw/": 550,
        "events/_recovered/": 550,
        "events/_jobs/": 550,
    }
    assert {one["NoncurrentVersionExpiration"]["NoncurrentDays"] for one in found[1:]} == {30}


def test_topics_that_have_objects_are_meant_too(bucket: Store) -> None:
    bucket.put_if_absent(*chain_object(0, 3))
    other = Estate(RETENTION, ("second", "third"), bucket, None, None, None)
    wanted = other.wanted()
    assert wanted is not None
    assert wanted.prefixes[:3] == ["events/second/", "events/third/", "events/events_raw/"]
    assert (wanted.versions, wanted.days) == (False, 550)


def test_objects_of_a_bucket_are_left_to_its_rules(bucket: Store) -> None:
    bucket.put_if_absent(*chain_object(0, 3))
    late = datetime.now(UTC) + timedelta(days=549)
    (share,) = over(bucket).look(late).shares
    assert (share.past, share.taker) == (0, Taker.BUCKET)
    (share,) = over(bucket).look(late + timedelta(days=2)).shares
    assert share.past == 1
    over(bucket).apply(late + timedelta(days=2), Taken())
    assert [slot_of(entry.key).start for entry in bucket.list()] == [0]


def test_a_bucket_that_is_not_there_is_an_error(s3: S3Server, credentials: None) -> None:
    nowhere = open_store("s3://no-such-bucket-of-ours/events", endpoint_url=s3.url)
    with pytest.raises(StoreError, match="lifecycle"):
        nowhere.rules()
