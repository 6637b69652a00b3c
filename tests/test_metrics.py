"""What is counted of a consumer, as Prometheus reads it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.batch import Due
from ingest.errors import BrokerError, StoreUnavailable
from ingest.events import Reason
from ingest.health import Why
from ingest.loading import LoadWatch
from ingest.meters import ConsumerMeter, ProcessMeter
from ingest.metrics import CONSUMER, LOADER, METRICS, PROCESS, Board, Kind
from ingest.records import OffsetRange, Partition, Records
from tests.chains import batch, chain, decode
from tests.scraping import samples

P0, P1 = Partition("events_raw", 0), Partition("events_raw", 1)
HERE, THERE = "partition=0,topic=events_raw", "partition=1,topic=events_raw"


def values(board: Board) -> dict[str, dict[str, float]]:
    return samples(board.text().decode())


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def meter(board: Board) -> ConsumerMeter:
    return ConsumerMeter(board, 100.0)


def test_names_keep_to_the_conventions():
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        assert re.fullmatch(r"ingest_[a-z_]+[a-z]", metric.name)
        assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
        assert not re.search(r"milli|minutes|kilo|mega|percent", metric.name), "base units"
        assert set(metric.labels) <= {"topic", "partition", "reason", "due", "version"}
        assert metric.meaning
        assert not metric.meaning.endswith(".")


def test_the_board_shows_just_what_the_list_names(board, tmp_path):
    ProcessMeter(board, "1.2.3", datetime(2026, 1, 1, tzinfo=UTC)).judged([])
    meter = ConsumerMeter(board, 0)
    LoadWatch(board, 10, 0).refresh(0)
    live(meter, tmp_path)
    meter.refresh(20)
    listed = {metric.name: metric for metric in METRICS}
    families = {family.name: family for family in text_string_to_metric_families(board.text().decode())}
    shown = {family.name + ("_total" if family.type == "counter" else "") for family in families.values()}
    assert shown == set(listed) == {metric.name for metric in (*PROCESS, *CONSUMER, *LOADER)}
    for family in families.values():
        metric = listed[family.name + ("_total" if family.type == "counter" else "")]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), sample


def live(meter: ConsumerMeter, folder: Path) -> None:
    """A partition is taken up, two records are read, one of them no event, and both stored after a retry."""
    meter.joined(1)
    meter.assigned(P0, 1)
    meter.opened(P0, 10, 12, 2)
    meter.lost(P0, OffsetRange(10, 12))
    meter.ends(P0, 20, 3)
    meter.read(P0, 2, 150, 14, 4)
    meter.turned(5, 1234, False)
    meter.flushing(P0, Due.AGE, 6)
    meter.store_failed(P0, StoreUnavailable("down"), 7)
    meter.store_answered(P0, 8)
    meter.broker_failed(BrokerError("away"), 9)
    whole = batch(10, 12, 13)
    bad = Records()
    bad.append(12, 0, b"not json")
    bad.append(13, 0, b"{}")
    whole = type(whole)(whole.range, decode(bad), whole.lost)
    meter.landed(P0, whole, chain(folder).append(whole), 2.5, 10)


def test_everything_that_a_consumer_tells_is_counted(board, meter, tmp_path):
    live(meter, tmp_path)
    meter.refresh(25)
    seen = values(board)
    body = next(tmp_path.rglob("*.parquet")).stat().st_size
    expected = {
        ("ingest_rebalances_total", ""): 1,
        ("ingest_assigned_partitions", ""): 1,
        ("ingest_read_records_total", HERE): 2,
        ("ingest_read_bytes_total", HERE): 150,
        ("ingest_stored_records_total", HERE): 2,
        ("ingest_stored_objects_total", HERE): 1,
        ("ingest_stored_bytes_total", HERE): body,
        ("ingest_lost_offsets_total", HERE): 2,
        ("ingest_quarantined_records_total", "reason=not_json"): 1,
        ("ingest_quarantined_records_total", "reason=missing"): 1,
        ("ingest_quarantined_records_total", "reason=empty"): 0,
        ("ingest_batches_total", "due=age"): 1,
        ("ingest_batches_total", "due=rows"): 0,
        ("ingest_flush_seconds_count", ""): 1,
        ("ingest_flush_seconds_sum", ""): 2.5,
        ("ingest_flush_seconds_bucket", "le=2.5"): 1,
        ("ingest_flush_seconds_bucket", "le=1.0"): 0,
        ("ingest_slot_conflicts_total", ""): 0,
        ("ingest_recovered_puts_total", ""): 0,
        ("ingest_store_failures_total", ""): 1,
        ("ingest_broker_failures_total", ""): 1,
        ("ingest_buffered_bytes", ""): 1234,
        ("ingest_reading_paused", ""): 0,
        ("ingest_last_poll_age_seconds", ""): 20,
        ("ingest_position_offset", HERE): 14,
        ("ingest_read_offset", HERE): 14,
        ("ingest_end_offset", HERE): 20,
        ("ingest_lag_records", HERE): 6,
        ("ingest_last_flush_age_seconds", HERE): 15,
    }
    assert {key: seen[key[0]][key[1]] for key in expected} == expected


def test_a_conflict_and_a_recovered_put_are_counted(board, meter, tmp_path):
    mine = batch(0, 0, 1)
    meter.assigned(P0, 0)
    chain(tmp_path, "somebody").append(batch(0, 0))
    meter.landed(P0, mine, chain(tmp_path, "me").append(mine), 0.1, 1)
    meter.landed(P0, mine, chain(tmp_path, "somebody").append(batch(0, 0)), 0.1, 1)
    seen = values(board)
    assert seen["ingest_slot_conflicts_total"][""] == 1
    assert seen["ingest_recovered_puts_total"][""] == 1
    assert seen["ingest_stored_records_total"][HERE] == 2


def test_what_others_stored_moves_the_position_and_is_not_counted_as_ours(board, meter, tmp_path):
    meter.assigned(P0, 0)
    chain(tmp_path, "somebody").append(batch(0, 0, 1, 2))
    mine = batch(0, 0, 1)
    meter.landed(P0, mine, chain(tmp_path, "me").append(mine), 0.1, 1)
    meter.refresh(1)
    seen = values(board)
    assert seen["ingest_stored_records_total"] == {HERE: 0}
    assert seen["ingest_position_offset"] == {HERE: 3}


def test_lag_is_nothing_where_all_is_read_that_can_be(board, meter):
    """Behind the last record lie markers of a transaction."""
    meter.assigned(P0, 0)
    meter.opened(P0, 0, 0, 0)
    meter.read(P0, 3, 30, 3, 1)
    meter.ends(P0, 5, 2)
    meter.reached(P0, 5, 3)
    meter.refresh(4)
    assert values(board)["ingest_lag_records"] == {HERE: 0}


def test_a_partition_that_is_taken_up_anew_keeps_its_position(board, meter):
    """Records that were read and are not stored yet lie between."""
    meter.assigned(P0, 0)
    meter.opened(P0, 10, 10, 0)
    meter.opened(P0, 50, 60, 1)
    meter.refresh(2)
    assert values(board)["ingest_position_offset"] == {HERE: 10}
    assert values(board)["ingest_read_offset"] == {HERE: 60}


def test_a_partition_that_is_gone_drops_its_gauges_and_keeps_its_counts(board, meter, tmp_path):
    live(meter, tmp_path)
    meter.assigned(P1, 11)
    meter.opened(P1, 0, 0, 11)
    meter.ends(P1, 3, 11)
    meter.refresh(12)
    meter.gone(P0)
    meter.read(P0, 1, 10, 99, 13)
    meter.refresh(13)
    seen = values(board)
    for name in ("lag_records", "position_offset", "read_offset", "end_offset"):
        assert list(seen[f"ingest_{name}"]) == [THERE], name
    assert "ingest_last_flush_age_seconds" not in seen
    assert seen["ingest_stored_records_total"][HERE] == 2
    assert seen["ingest_assigned_partitions"][""] == 1


def test_what_is_not_known_yet_is_not_shown(board, meter):
    meter.assigned(P0, 0)
    meter.refresh(1)
    seen = values(board)
    assert not {"ingest_lag_records", "ingest_position_offset", "ingest_end_offset"} & seen.keys()
    assert seen["ingest_stored_records_total"] == {HERE: 0}, "a rate needs a first value"


def test_all_values_of_labels_that_are_known_are_there_from_the_start(board, meter):
    ProcessMeter(board, "1.2.3", datetime(2026, 1, 1, tzinfo=UTC)).judged([Why.STORE_FAILING])
    seen = values(board)
    assert set(seen["ingest_quarantined_records_total"]) == {f"reason={one}" for one in Reason}
    assert set(seen["ingest_batches_total"]) == {f"due={one}" for one in Due}
    assert {label for label, value in seen["ingest_unhealthy"].items() if value} == {"reason=store_failing"}
    assert len(seen["ingest_unhealthy"]) == len(Why)
    assert seen["ingest_build_info"] == {"version=1.2.3": 1}
    assert seen["ingest_start_time_seconds"] == {"": 1767225600}
