"""Verification as users run it: over Kafka, a bucket and a warehouse, sound and then not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.damage import client_of

pytestmark = pytest.mark.kafka


def test_sound_then_behind_then_damaged(system):
    system.ingest("produce", "--synthetic", "5000", "--malformed", "0.02")
    stored = system.ingest("consume", "--once", "--batch-size", "400", code=1)
    system.ingest("load")
    found = system.ingest("verify", "--complete", "--deep")
    assert (found["sound"], found["not_compared"], found["discrepancies"]) == (True, {}, [])
    assert sum(one["records"] for one in found["partitions"]) == 5000
    assert sum(one["loaded_rows"] for one in found["partitions"]) == 5000
    assert all(one["broker_end"] == one["next"] and one["behind"] == 0 for one in found["partitions"])
    assert sum(one["quarantined"] for one in found["partitions"]) == stored["quarantined"] > 0

    system.ingest("produce", "--synthetic", "500", "--seed", "2")
    assert sum(one["behind"] for one in system.ingest("verify")["partitions"]) == 500
    unread = system.ingest("verify", "--complete", code=4)["discrepancies"]
    assert {one["kind"] for one in unread} == {"unread"}
    assert sum(one["next"] - one["start"] for one in unread) == 500

    bucket = client_of(system.s3)
    listed = bucket.list_objects_v2(Bucket=system.topic, Prefix=f"events/{system.topic}/")["Contents"]
    bucket.delete_object(Bucket=system.topic, Key=listed[1]["Key"])
    (gone,) = system.ingest("verify", code=4)["discrepancies"]
    assert (gone["kind"], gone["key"]) == ("object_missing", listed[1]["Key"].removeprefix("events/"))
    (gap,) = system.ingest("verify", "--without", "warehouse", code=4)["discrepancies"]
    assert (gap["kind"], gap["start"], gap["next"]) == ("gap", gone["start"], gone["next"])


def test_what_is_away_is_told_and_the_rest_is_verified(system):
    system.ingest("produce", "--synthetic", "300", "--malformed", "0")
    system.ingest("consume", "--once")
    found = system.ingest("verify")
    assert found["not_compared"] == {"warehouse": f"there is no {system.warehouse}"}
    away = ("--bootstrap-servers", "127.0.0.1:1")
    found = system.ingest("verify", *away, code=3)
    assert found["not_compared"].keys() == {"broker", "warehouse"}
    assert found["sound"]
    found = system.ingest("verify", *away, "--without", "broker")
    assert found["not_compared"]["broker"] == "left out (--without broker)"
    assert {one["broker_end"] for one in found["partitions"]} == {None}


def test_people_read_a_table_of_a_hundred_columns(system):
    system.ingest("produce", "--synthetic", "300", "--malformed", "0")
    objects = system.ingest("consume", "--once")["objects"]
    words = [sys.executable, "-m", "ingest", "verify"]
    done = subprocess.run(words, env=system.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines[3:])) <= 100
    assert lines[2].startswith("warehouse  NOT COMPARED: there is no ")
    assert sum(line.endswith("sound") for line in lines) == 4
    assert lines[-1] == f"Sound: {objects} objects, by their metadata."
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


def test_recovered_records_are_second_rows_and_not_wrong(system, monkeypatch):
    monkeypatch.setenv("MAX_RECORD_BYTES", "380")
    system.ingest("produce", "--synthetic", "2000", "--malformed", "0")
    stored = system.ingest("consume", "--once", "--batch-size", "300", code=1)
    system.ingest("load")
    monkeypatch.delenv("MAX_RECORD_BYTES")
    recovered = system.ingest("quarantine", "replay", "--reason", "too_large")["recovered"]
    assert 0 < recovered <= stored["quarantined"]
    assert system.ingest("verify", "--deep")["sound"]
    (first, *_) = system.ingest("verify", "--complete", code=4)["discrepancies"]
    assert (first["kind"], first["key"].split("/")[0]) == ("not_loaded", "_recovered")
    system.ingest("load")
    found = system.ingest("verify", "--complete", "--deep")
    assert found["sound"]
    assert sum(one["loaded_rows"] for one in found["partitions"]) == 2000
