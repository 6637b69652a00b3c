"""Topic → objects → warehouse → models, as users run it, held against what the generator knows."""

from __future__ import annotations

import json

import pytest

from ingest.kafka import Producer, client_settings

pytestmark = pytest.mark.kafka


def test_from_the_topic_to_minute_metrics(system):
    truth_file = system.folder / "truth.json"
    system.ingest("produce", "--synthetic", "40000", "--malformed", "0.02", "--truth", str(truth_file))
    stored = system.ingest("consume", "--once", "--batch-size", "3000", code=1)
    loaded = system.ingest("load")
    system.dbt("build")

    truth = json.loads(truth_file.read_text())
    assert stored["records"] == loaded["rows"] == truth["records"] == 40_000
    system.assert_every_offset_once(40_000)
    reasons = dict(system.query("select _error, count(*) from raw.raw_events where _error is not null group by all"))
    assert reasons == truth["malformed"]
    [(events, duplicates, quarantined)] = system.query(
        "select (select count(*) from staging.stg_events), (select count(*) from staging.stg_removed_duplicates),"
        " (select count(*) from staging.stg_quarantined_records)"
    )
    assert events == truth["distinct_events"]
    assert duplicates == truth["duplicates"] + truth["conflicts"]
    assert quarantined == sum(truth["malformed"].values()) == stored["quarantined"]
    [(counted, heartbeats)] = system.query(
        "select sum(total_events), (select count(*) from staging.stg_events where event_type = 'heartbeat')"
        " from analytics.minute_metrics"
    )
    assert counted + heartbeats == events


def test_new_records_move_the_models_on(system):
    system.ingest("produce", "--synthetic", "3000", "--seed", "1")
    system.ingest("consume", "--once", code=1)
    system.ingest("load")
    system.dbt("build")
    [(before,)] = system.query("select sum(total_events) from analytics.minute_metrics")
    system.ingest("produce", "--synthetic", "3000", "--seed", "2")
    system.ingest("consume", "--once", code=1)
    system.ingest("load")
    system.dbt("build")
    [(after,)] = system.query("select sum(total_events) from analytics.minute_metrics")
    assert after > before
    system.assert_every_offset_once(6000)


def test_garbage_is_stored_row_for_row(system):
    """Nothing but garbage, a 10 MB record among it: all rows, byte for byte, with the reason."""
    sent = {
        "empty": [None, b""],
        "not_utf8": [b"\xff\xfe\x00garbage", bytes(range(256))],
        "not_json": [b'{"event_id": "half', b"{}{}", b"nul"],
        "not_object": [b"null", b"17", b'"text"', b"[]"],
        "missing:event_id": [b"{}"],
        "too_large": [b"x" * 10_000_000],
    }
    with Producer(client_settings(system.bootstrap), system.topic) as producer:
        for values in sent.values():
            for value in values:
                producer.send(b"one-partition", value)
    stored = system.ingest("consume", "--once", code=1)
    count = sum(map(len, sent.values()))
    assert (stored["records"], stored["quarantined"], stored["valid"]) == (count, count, 0)
    assert stored["quarantined_by_reason"]["too_large"] == 1
    system.ingest("load")
    system.assert_every_offset_once(count)
    rows = system.query("select _error, _raw from raw.raw_events order by _offset")
    assert rows == [(error, value) for error, values in sent.items() for value in values]
