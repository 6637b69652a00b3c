"""What retention took is no discrepancy; whatever else is missing stays one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest.chain import Chain
from ingest.holdings import read_holdings
from ingest.layout import Slot, kind_of, slot_of
from ingest.objects import ChainId, Encoder
from ingest.records import OffsetRange
from ingest.verify import Sources, verify
from ingest.warehouse import DuckDbWarehouse
from tests.aged import HORIZON, NEAR, NOW, OLD, RETENTION, YOUNG, AgedStore, load_at, query
from tests.chains import batch
from tests.damage import Site, add_others, extend, hands_of
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from ingest.chain import Store

CHAIN = ChainId("events_raw", "id-1", 0)
#: The first three of the five objects: 10, 9 and 10 rows.
FIRST, SECOND, THIRD, FOURTH, LAST = (CHAIN.key(slot) for slot in (0, 1010, 1029, 1110, 1120))


@pytest.fixture
def site(store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    """A chain of five objects, recovered rows and a job record, of which nothing is loaded."""
    server = request.getfixturevalue("s3") if store.url.startswith("s3://") else None
    made = Site(AgedStore(store), hands_of(store, server), tmp_path / "warehouse.duckdb", now=NOW)
    extend(store, CHAIN)
    add_others(store, Slot(CHAIN, 0))
    return made


@pytest.fixture
def loaded(site: Site) -> Site:
    """The first three objects were stored and loaded before the horizon, the rest behind it."""
    others = [entry.key for entry in site.store.list() if not slot_of(entry.key)]
    for keys, at in (([FIRST, SECOND, THIRD], OLD), ([FOURTH, LAST, *others], YOUNG)):
        aside = {key: (site.store.read(key), site.said(key)) for key in site.objects() + others if key not in keys}
        for key in aside:
            site.hands.remove(key)
        assert load_at(site, at).failed == 0
        for key, (body, said) in aside.items():
            site.hands.write(key, body, said)
    site.sql("update raw.raw_events set _ingested_at = _loaded_at where _file in (?, ?)", FOURTH, LAST)
    site.store.ages = dict.fromkeys((FIRST, SECOND, THIRD), OLD)
    return site


def found(site: Site, **options: bool) -> set[tuple[str, str | None]]:
    return {(one.kind.value, one.key) for one in site.verify(retention=RETENTION, **options).discrepancies}


def expire(site: Site) -> dict[str, int]:
    with DuckDbWarehouse(site.warehouse, lambda: NOW) as warehouse:
        return warehouse.expire(HORIZON)


def remove(site: Site, *keys: str) -> None:
    for key in keys:
        site.hands.remove(key)


def taken(site: Site, **options: bool) -> tuple[int, int, int]:
    """Offsets, objects and rows that retention took of the chain."""
    (one,) = (one for one in site.verify(retention=RETENTION, **options).accounts if one.chain == CHAIN)
    return one.expired_offsets, one.expired_objects, one.expired_rows


def test_rows_and_objects_that_retention_took_are_counted_and_not_missed(loaded: Site) -> None:
    assert (found(loaded), taken(loaded)) == (set(), (0, 0, 0))
    assert expire(loaded) == {"raw_events": 29, "job_runs": 0}
    assert (found(loaded), taken(loaded)) == (set(), (0, 0, 29))
    remove(loaded, FIRST)
    assert (found(loaded), taken(loaded)) == (set(), (1010, 1, 29))
    remove(loaded, SECOND, THIRD)
    assert (found(loaded, deep=True), taken(loaded)) == (set(), (1110, 3, 29))
    assert loaded.verify(retention=RETENTION).sound


def test_objects_may_go_before_rows_do(loaded: Site) -> None:
    """A lifecycle rule takes objects; nobody has told the history yet."""
    remove(loaded, FIRST, SECOND)
    assert (found(loaded), taken(loaded)) == (set(), (1029, 2, 0))
    assert loaded.found() == {("object_missing", FIRST), ("object_missing", SECOND)}, "without retention"


def test_a_rule_may_take_a_later_object_first(loaded: Site) -> None:
    remove(loaded, SECOND)
    assert (found(loaded), taken(loaded)) == (set(), (19, 1, 0))


def test_what_is_not_old_is_missed(loaded: Site) -> None:
    expire(loaded)
    remove(loaded, FIRST, SECOND, THIRD, FOURTH)
    assert found(loaded) == {("object_missing", FOURTH)}
    loaded.sql("delete from raw.raw_events where _file = ? and _offset = 1125", LAST)
    assert found(loaded) == {("object_missing", FOURTH), ("rows_missing", LAST)}


def test_rows_of_an_old_line_may_be_gone_in_part(loaded: Site) -> None:
    loaded.sql("delete from raw.raw_events where _file = ? and _offset > 1015", SECOND)
    assert (found(loaded), taken(loaded)) == (set(), (0, 0, 7))
    assert loaded.found() == {("rows_missing", SECOND)}, "without retention"


def test_an_expired_line_excuses_without_a_horizon(loaded: Site) -> None:
    expire(loaded)
    remove(loaded, FIRST)
    assert loaded.found() == set()


def test_a_line_expired_excuses_missing_rows_and_no_others(loaded: Site) -> None:
    rows = query(loaded.warehouse, f"select count(*) from raw.raw_events where _file = '{FOURTH}'")  # noqa: S608
    expire(loaded)
    assert query(loaded.warehouse, f"select count(*) from raw.raw_events where _file = '{FOURTH}'") == rows  # noqa: S608
    loaded.sql("insert into raw.raw_events from raw.raw_events where _file = ?", FOURTH)
    assert found(loaded) == {("rows_doubled", FOURTH)}


# --- a hole, and nobody who knows what was there -------------------------------------------------------


@pytest.mark.parametrize(("age", "expected"), [(OLD, set()), (NEAR, set()), (YOUNG, {("gap", None)})])
def test_before_the_first_object_its_own_age_tells(site: Site, age, expected) -> None:
    remove(site, FIRST, SECOND)
    site.store.ages = {THIRD: age}
    assert found(site, warehouse=False) == expected
    assert taken(site, warehouse=False) == ((0, 0, 0) if expected else (1029, 0, 0))


def test_a_gap_that_nothing_explains_says_what_to_think_of(site: Site) -> None:
    remove(site, FIRST)
    (gap,) = site.verify(retention=RETENTION, warehouse=False).discrepancies
    assert "nothing shows that retention took them: the first object is of 2025-11-09" in gap.what
    assert "ingest retention audit" in gap.remedy


@pytest.mark.parametrize(("age", "expected"), [(OLD, set()), (NEAR, {("gap", None)}), (YOUNG, {("gap", None)})])
def test_a_hole_elsewhere_is_explained_by_an_old_object_behind_it_alone(site: Site, age, expected) -> None:
    remove(site, SECOND)
    site.store.ages = {THIRD: age, FIRST: OLD}
    assert found(site, warehouse=False) == expected


def test_what_lies_before_an_object_that_expired_is_older_still(loaded: Site) -> None:
    """Nobody knows of the first object; the second is known to have expired."""
    expire(loaded)
    remove(loaded, FIRST, SECOND, THIRD)
    for table, column in (("load_history", "file"), ("raw_events", "_file")):
        loaded.sql(f"delete from raw.{table} where {column} = ?", FIRST)  # noqa: S608
    assert (found(loaded), taken(loaded)) == (set(), (1110, 2, 19))


def test_known_objects_before_the_first_one_must_all_be_old(loaded: Site) -> None:
    """The first object present is near the horizon, and the history knows better."""
    expire(loaded)
    remove(loaded, FIRST, SECOND, THIRD, FOURTH)
    loaded.store.ages[LAST] = NEAR
    assert found(loaded) == {("object_missing", FOURTH)}
    loaded.sql("delete from raw.load_history where file in (?, ?, ?)", FIRST, SECOND, THIRD)
    assert found(loaded) == {("gap", None), ("object_missing", FOURTH)}


# --- a history that forgets, as Snowflake's does ------------------------------------------------------


@pytest.mark.parametrize(
    ("known_since", "age", "expected"),
    [
        (YOUNG - timedelta(days=1), OLD, set()),
        (YOUNG - timedelta(days=1), NEAR, {("not_loaded", FIRST)}),
        (OLD - timedelta(days=1), OLD, {("not_loaded", FIRST)}),
        (None, OLD, {("not_loaded", FIRST)}),
    ],
)
def test_old_objects_whose_load_nobody_remembers_do_not_wait(loaded: Site, known_since, age, expected) -> None:
    """Their rows went a few days before they do."""
    expire(loaded)
    for table, column in (("load_history", "file"), ("raw_events", "_file")):
        loaded.sql(f"delete from raw.{table} where {column} = ?", FIRST)  # noqa: S608
    loaded.store.ages[FIRST] = age
    holdings = read_holdings(loaded.warehouse)
    holdings.known_since = known_since
    report = verify(
        Sources(loaded.store, None, lambda: holdings), lambda: NOW, lambda count: None, retention=RETENTION
    )
    assert {(one.kind.value, one.key) for one in report.discrepancies} == expected
    assert [one.waiting for one in report.accounts] == [len(expected)]


# --- a warehouse that was filled anew ------------------------------------------------------------------


def test_objects_that_expire_soon_after_a_warehouse_was_filled_anew(site: Site) -> None:
    """The lines are young, and the rows say that the objects are old: read on 2025-09-05."""
    load_at(site, YOUNG)
    site.store.ages = dict.fromkeys((FIRST, SECOND, THIRD), OLD)
    remove(site, FIRST, SECOND)
    assert (found(site), taken(site)) == (set(), (1029, 2, 0))
    site.sql("delete from raw.raw_events where _file = ?", SECOND)
    assert found(site) == {("rows_missing", SECOND)}
    site.store.ages = {}
    assert found(site) == {("object_missing", SECOND)}, "nothing shows that it was old"


def test_job_records_and_recovered_rows_expire_as_objects_do(site: Site) -> None:
    """The job record is of today, the recovered rows were read on 2025-09-05."""
    load_at(site, YOUNG)
    others = [entry.key for entry in site.store.list() if kind_of(entry.key).value in ("job", "recovered")]
    remove(site, *others)
    (job,) = (key for key in others if key.startswith("_jobs/"))
    assert found(site) == {("history_without_object", job)}
    site.sql("update raw.job_runs set recorded_at = ? where _file = ?", OLD.replace(tzinfo=None), job)
    assert found(site) == set()
    with DuckDbWarehouse(site.warehouse, lambda: NOW) as warehouse:
        warehouse.expire(NOW)
    assert not {("history_without_object", key) for key in others} & found(site)


# --- the whole chain -----------------------------------------------------------------------------------


def test_a_chain_that_expired_whole_is_nothing_wrong(loaded: Site) -> None:
    remove(loaded, *loaded.objects())
    assert {kind for kind, _ in found(loaded)} == {"object_missing"}, "the last two are young"
    with DuckDbWarehouse(loaded.warehouse, lambda: NOW) as warehouse:
        warehouse.expire(NOW)
    assert found(loaded) == set()
    assert taken(loaded) == (0, 5, 49)


def test_a_chain_that_begins_anew_is_loaded_anew(loaded: Site) -> None:
    """All of it had expired; the consumer starts again at slot 0, where another object had been."""
    with DuckDbWarehouse(loaded.warehouse, lambda: NOW) as warehouse:
        warehouse.expire(NOW)
    remove(loaded, *loaded.objects())
    Chain(loaded.store, CHAIN, Encoder("test", "writer")).append(batch(0, *range(2000, 2030)))
    loaded.store.ages = {FIRST: NOW - timedelta(hours=1)}
    report = loaded.verify(retention=RETENTION)
    assert (report.discrepancies, [one.waiting for one in report.accounts]) == ([], [1])
    assert load_at(loaded, NOW).rows == 30
    lines = query(
        loaded.warehouse, "select file, status, records, attempts from raw.load_history where status = 'loaded'"
    )
    assert lines == [(FIRST, "loaded", 30, 2)]
    assert found(loaded) == set()
    assert load_at(loaded, NOW).skipped == 3


def test_the_same_object_is_not_loaded_again(loaded: Site) -> None:
    """Its rows expired, and it is still there: the last of its chain, or a rule is late."""
    expire(loaded)
    done = load_at(loaded, NOW)
    assert (done.objects, done.changed, done.failed) == (0, 0, 0)
    assert found(loaded) == set()


def test_the_hole_is_told_by_its_offsets(site: Site) -> None:
    remove(site, FIRST, SECOND)
    (gap,) = site.verify(retention=RETENTION, warehouse=False).discrepancies
    assert gap.offsets == OffsetRange(0, 1029)
