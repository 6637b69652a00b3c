"""Quarantine, mended, in the models; and a replay of it all; over Kafka and S3, as users run it."""

from __future__ import annotations

import json

import pytest

from ingest.kafka import Producer, client_settings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

SIZE = 2000


def events(count: int) -> list[bytes]:
    """Page views of two learners; every third is larger than `SIZE` bytes."""
    found = []
    for number in range(count):
        event = {
            "event_id": f"e{number}",
            "event_type": "page_view",
            "timestamp": f"2025-09-05T10:{number % 60:02}:00Z",
            "learner_id": f"learner-{number % 2}",
            "data": {"page_id": "p", "text": "x" * SIZE * (number % 3 == 0)},
        }
        found.append(json.dumps(event).encode())
    return found


def produce(system, values: list[bytes]) -> None:
    with Producer(client_settings(system.bootstrap), system.topic) as producer:
        for number, value in enumerate(values):
            producer.send(b"k%d" % (number % 7), value)


def statuses(system) -> dict[str, int]:
    return dict(system.query("select record_status, count(*) from staging.stg_records group by all"))


def test_records_quarantined_by_mistake_are_recovered_and_counted_once(system, monkeypatch):
    produce(system, [*events(60), b"{", b""])
    monkeypatch.setenv("MAX_RECORD_BYTES", str(SIZE))
    stored = system.ingest("consume", "--once", code=1)
    assert stored["quarantined_by_reason"] == {"empty": 1, "not_json": 1, "too_large": 20}
    monkeypatch.delenv("MAX_RECORD_BYTES")
    system.ingest("load")
    system.dbt("build")
    assert statuses(system) == {"event": 40, "quarantined": 22}

    for recovered in (20, 0):
        assert system.ingest("quarantine", "replay")["recovered"] == recovered
    loaded = system.ingest("load")
    assert loaded["rows"] == 20
    assert system.ingest("load")["objects"] == 0
    system.dbt("build")
    assert statuses(system) == {"event": 60, "quarantined": 2}
    assert system.query("select sum(total_events) from analytics.minute_metrics") == [(60,)]
    listed = system.ingest("quarantine", "list")
    assert (listed["quarantined"], listed["recovered"]) == (2, 20)
    assert {one["error"]: one["recovered"] for one in listed["groups"] if one["error"] == "too_large"}

    counted = system.query("select * exclude (_loaded_at) from analytics.minute_metrics order by all")
    system.dbt("build", "--full-refresh")
    assert system.query("select * exclude (_loaded_at) from analytics.minute_metrics order by all") == counted


def test_a_replay_gives_the_chain_again_as_it_should_have_been(system, monkeypatch):
    produce(system, events(60))
    monkeypatch.setenv("MAX_RECORD_BYTES", str(SIZE))
    system.ingest("consume", "--once", "--batch-size", "5", code=1)
    monkeypatch.delenv("MAX_RECORD_BYTES")
    target = f"s3://{system.topic}/again"
    planned = system.ingest("replay", "--to", target)
    assert (planned["records"], planned["applied"]) == (60, False)
    done = system.ingest("replay", "--to", target, "--apply")
    assert (done["brought_records"], done["brought_mended"]) == (60, 20)
    system.ingest("load", "--store", target)
    system.assert_every_offset_once(60)
    assert system.query("select count(_error), count(event_id) from raw.raw_events") == [(0, 60)]
    into = ("--to-table", "raw.replayed", "--apply")
    assert [system.ingest("replay", *into)["brought_records"] for _ in range(2)] == [60, 0]
    columns = "* exclude (_loaded_at)"
    same = f"select count(*) from (select {columns} from raw.replayed intersect select {columns} from raw.raw_events)"  # noqa: S608
    assert system.query(same) == [(60,)]


def test_runs_leave_their_records_in_the_warehouse(system):
    produce(system, [*events(10), b"{"])
    system.ingest("consume", "--once", code=1)
    assert system.ingest("load")["job_records"] == 2
    told = system.query(
        "select job_type, status, records_processed, records_failed, error_message from raw.job_runs"
        " where status <> 'running' order by job_type"
    )
    assert told == [("ingest", "completed", 11, 1, None), ("load", "completed", 11, 0, None)]
