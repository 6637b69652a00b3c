"""SIGKILL at random moments, of the consumer and of the loader: every offset once all the same.

`E2E_EVENTS=1000000 E2E_KILLS=20 pytest tests/e2e/test_kills.py` is the long form.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest

from tests.killing import kills

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1200)]

EVENTS = int(os.environ.get("E2E_EVENTS", "200000"))
KILLS = int(os.environ.get("E2E_KILLS", "20"))
# The member comes back under its own name, and need not wait until the group notices that it died.
MEMBER = ("--kafka-config", "group.instance.id=killed", "--kafka-config", "session.timeout.ms=10000")


def kill_often(system, *words: str, seconds: float, worked: Callable[[], object]) -> None:
    """Start the command and SIGKILL it, again and again, at moments from its first work on."""
    moments = random.Random(EVENTS)  # noqa: S311 - moments, not secrets
    for number in kills(KILLS, worked):
        process = system.start(*words)
        time.sleep(1 + moments.random() * seconds + max(0, number - KILLS))
        process.kill()
        process.communicate()


def test_kill_9_of_consumer_and_loader(system):
    system.ingest("produce", "--synthetic", str(EVENTS), "--malformed", "0")
    kill_often(system, "consume", "--batch-size", "1000", *MEMBER, seconds=2, worked=system.objects)
    objects_then = system.objects()
    last = system.ingest("consume", "--once", "--batch-size", "1000", *MEMBER)
    assert last["quarantined"] == 0
    assert objects_then > 0, "the kills came before any work: nothing was tested"

    kill_often(system, "load", seconds=0.5, worked=system.warehouse.exists)
    system.ingest("load")
    system.assert_every_offset_once(EVENTS)
    assert system.query("select count(*) from raw.raw_events where _error is not null") == [(0,)]
    [(loaded, distinct)] = system.query(
        "select count(*), count(distinct file) from raw.load_history where file not like '\\_jobs/%' escape '\\'"
    )
    assert loaded == distinct == system.objects()
    runs = "select count(distinct job_id) from raw.job_runs where job_type = ? and job_id not in"
    runs += " (select job_id from raw.job_runs where status <> 'running')"
    assert system.query(runs, ["ingest"]) > [(0,)], "runs that were killed are left running"
