"""Verification as a command, without a broker: exit codes, what is compared, what people and programs read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ingest.chain import Chain
from ingest.folder import FolderStore
from ingest.objects import ChainId, Encoder
from tests.chains import batch
from tests.damage import FolderHands, Site, extend
from tests.locking import held_elsewhere

if TYPE_CHECKING:
    from pathlib import Path

CHAIN = ChainId("events_raw", "id-1", 0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(FolderStore(tmp_path / "objects"), FolderHands(tmp_path / "objects"), tmp_path / "warehouse.duckdb")
    extend(made.store, CHAIN)
    made.load()
    return made


def verify(folder: Path, *words: str) -> tuple[int, str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_", "DUCKDB_"))}
    command = [sys.executable, "-m", "ingest", "verify", "--store", "objects", "--without", "broker", *words]
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


WAREHOUSE = ("--warehouse", "warehouse.duckdb")


def test_a_sound_store_and_warehouse(site: Site, tmp_path: Path) -> None:
    code, output, errors = verify(tmp_path, *WAREHOUSE)
    assert (code, errors) == (0, "")
    assert output.startswith("broker     NOT COMPARED: left out (--without broker)\n")
    assert "Sound: 5 objects, by their metadata.\n" in output
    (row,) = (line.split() for line in output.splitlines() if line.endswith("sound"))
    assert row == ["0", "5", "49", "0", "11", "70", "1,130", "-", "-", "49", "sound"]
    code, output, _ = verify(tmp_path, *WAREHOUSE, "--deep")
    assert (code, output.splitlines()[-1]) == (0, "Sound: 5 objects, read and checked byte for byte.")


def test_every_discrepancy_is_in_the_json_and_ten_of_a_kind_are_shown_to_people(site: Site, tmp_path: Path) -> None:
    for partition in range(1, 13):
        Chain(site.store, ChainId("events_raw", "id-1", partition), Encoder("test", "n")).append(batch(5, 7, 8))
    code, output, _ = verify(tmp_path, *WAREHOUSE)
    assert code == 4
    assert "NOT SOUND: 12 discrepancies in 17 objects, by their metadata.\n\ngap (12)\n" in output
    assert output.count("no object covers these offsets") == 10
    assert "… and 2 more: --output json has all" in output
    assert max(map(len, output.splitlines())) <= 100
    assert "12 objects wait to be loaded: ingest load" in output
    code, output, _ = verify(tmp_path, *WAREHOUSE, "--output", "json")
    found = json.loads(output)
    assert (code, found["sound"], len(found["discrepancies"])) == (4, False, 12)
    assert found["discrepancies"][0] == {
        "kind": "gap",
        "what": found["discrepancies"][11]["what"],
        "topic": "events_raw",
        "topic_id": "id-1",
        "partition": 1,
        "start": 0,
        "next": 5,
        "key": None,
        "remedy": found["discrepancies"][11]["remedy"],
    }
    assert [one["discrepancies"] for one in found["partitions"]] == [0] + [1] * 12


def test_what_is_named_and_is_not_there_is_a_mistake_of_the_user(site: Site, tmp_path: Path) -> None:
    code, output, errors = verify(tmp_path, "--warehouse", "no-such.duckdb")
    assert (code, output) == (2, "")
    assert "there is no warehouse no-such.duckdb" in errors
    code, _, errors = verify(tmp_path, "--store", "no-such-folder")
    assert code == 2
    assert "there is no folder no-such-folder" in errors


def test_a_warehouse_that_nobody_has_made_yet_is_told(site: Site, tmp_path: Path) -> None:
    code, output, _ = verify(tmp_path)
    assert code == 0
    assert "warehouse  NOT COMPARED: there is no data/warehouse.duckdb\n" in output


def test_a_locked_warehouse_is_an_error_with_a_remedy_and_the_rest_is_verified(site: Site, tmp_path: Path) -> None:
    with held_elsewhere(site.warehouse) as holder:
        code, output, errors = verify(tmp_path, *WAREHOUSE)
    assert code == 3
    assert f"PID {holder.pid}" in errors
    assert "next:  Wait for that process to end" in errors
    assert "--without" in errors
    assert "Sound: 5 objects, by their metadata. But not all was compared, see above." in output


def test_an_empty_store_is_sound(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    code, output, _ = verify(tmp_path, "--output", "json")
    assert (code, json.loads(output)["partitions"]) == (0, [])
