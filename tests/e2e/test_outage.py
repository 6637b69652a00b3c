"""The store answers nothing but 503 for a while: no restart, no loss, and no more memory than was allowed.

`OUTAGE_SECONDS=120 OUTAGE_RECORDS=500000 pytest tests/e2e/test_outage.py` is the long form.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.e2e.test_health import DOWN, served
from tests.running import eventually
from tests.services.proxy import fault_proxy

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

OUTAGE = float(os.environ.get("OUTAGE_SECONDS", "5"))
RECORDS = int(os.environ.get("OUTAGE_RECORDS", "80000"))  # of about 450 bytes each: twice what may be held
ALLOWED = 16 * 1024 * 1024
#: What the cap does not count: a poll's records, a chunk while it is decoded, the client's own queue, garbage.
BESIDE = 150 * 1024 * 1024


def resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_store_that_is_away_costs_neither_a_restart_nor_records_nor_memory(system):
    system.ingest("produce", "--synthetic", "20000", "--malformed", "0")
    over, highest = Event(), 0
    with fault_proxy(system.s3.url) as proxy:
        env = system.environment | {
            "S3_ENDPOINT_URL": proxy.url,
            "MAX_BUFFER_BYTES": str(ALLOWED),
            "MAX_BATCH_BYTES": str(ALLOWED // 4),
            "BATCH_SIZE": "5000",
            "FLUSH_INTERVAL_SECONDS": "2",
        }
        with served(system.folder, "consume", "--kafka-config", "queued.max.messages.kbytes=4096", **env) as consume:
            pid = consume.process.pid
            eventually(lambda: consume.total("ingest_stored_records_total") == 20_000, seconds=60)
            proxy.outage = DOWN
            before = resident(pid)

            def watch() -> None:
                nonlocal highest
                while not over.wait(0.1):
                    highest = max(highest, resident(pid))

            watcher = Thread(target=watch)
            watcher.start()
            try:
                began = time.monotonic()
                system.ingest("produce", "--synthetic", str(RECORDS), "--seed", "2", "--malformed", "0")
                eventually(lambda: consume.total("ingest_reading_paused") == 1, seconds=60)
                assert consume.total("ingest_buffered_bytes") < 2 * ALLOWED
                assert consume.total("ingest_store_failures_total") > 0
                time.sleep(max(0.0, OUTAGE - (time.monotonic() - began)))
                assert consume.total("ingest_stored_records_total") == 20_000
                proxy.outage = None
                eventually(lambda: consume.total("ingest_stored_records_total") == 20_000 + RECORDS, seconds=180)
            finally:
                over.set()
                watcher.join()
            assert consume.process.pid == pid
            assert consume.end()["records"] == 20_000 + RECORDS
    assert highest - before < ALLOWED + BESIDE, f"{before:,} bytes before, {highest:,} at the most"
    system.ingest("load")
    system.assert_every_offset_once(20_000 + RECORDS)
