"""The long form of the fault suite: `make faults`.

FAULTS_SEED       another run of chance (default 1)
FAULTS_RECORDS    about how many records in all (default 5,000,000); moments scale with them
FAULTS_ONLY       the names of some scenarios, separated by commas

A run of at least 5,000,000 records and 1,000 faults that comes out well is published in docs/reliability.md; any
other is only printed. Logs stay in /tmp if something fails. Exit codes: 0 every offset once, 1 not so, 3 no broker.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

from infra.kafka import broker
from tests.faults.record import publish, record
from tests.faults.scenarios import SCENARIOS, Outcome, Size, run_all
from tests.faults.trial import Site
from tests.services.kafka import own_broker
from tests.services.s3 import s3_server

FULL = 5_000_000
FAULTS = 1000
AT_ONCE = 3  # scenarios: they wait more than they work


def main() -> int:
    seed, records = int(os.environ.get("FAULTS_SEED", "1")), int(os.environ.get("FAULTS_RECORDS", str(FULL)))
    names = [name.strip() for name in os.environ.get("FAULTS_ONLY", "").split(",") if name.strip()]
    if unknown := set(names) - {one.name for one in SCENARIOS}:
        sys.stderr.write(f"error: no such scenario: {', '.join(unknown)}\n")
        return 2
    if reason := broker.missing():
        sys.stderr.write(f"error: {reason}\n")
        return 3
    wanted = {one.name: sized(one.long, records) for one in SCENARIOS if one.name in names or not names}
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    with own_broker(folder / "kafka") as kafka, s3_server() as s3:
        done = run_all(Site(kafka, s3, folder), wanted, seed, AT_ONCE, tell)
    outcomes = [one.result() for one in done.values() if not one.exception()]
    good = all(one.good for one in outcomes) and len(outcomes) == len(wanted)
    found = record(outcomes, f"{datetime.now(UTC):%Y-%m-%d}", seed, records, os.cpu_count() or 0)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    if not good:
        again = f"FAULTS_SEED={seed} FAULTS_RECORDS={records} FAULTS_ONLY='{', '.join(failed(done))}' make faults"
        sys.stderr.write(f"NOT SOUND. Logs: {folder}. Again: {again}\n")
        return 1
    shutil.rmtree(folder)
    if found["injected"] >= FAULTS and found["records"] >= FULL:
        publish(found)
        sys.stderr.write("docs/reliability.md is up to date\n")
    return 0


def sized(size: Size, records: int) -> Size:
    """The scenario's size in a run of so many records."""
    share = records / FULL
    return Size(max(5000, round(size.records * share)), max(2, round(size.rounds * min(share, 1))))


def tell(name: str, ended: Future[Outcome]) -> None:
    """Say what came of a scenario as soon as it is known."""
    now = f"{datetime.now(UTC):%H:%M:%S}"
    if error := ended.exception():
        sys.stderr.write(f"{now} {name}: FAILED\n{''.join(traceback.format_exception(error))}\n")
        return
    found = ended.result()
    account = found.account
    sys.stderr.write(
        f"{now} {name}: {found.faults.total()} faults, {account.rows:,} rows, {account.lost} lost, "
        f"{account.doubled} doubled, {found.seconds:.0f} s {'' if found.good else account.faults}\n"
    )


def failed(done: dict[str, Future[Outcome]]) -> list[str]:
    return [name for name, one in done.items() if one.exception() or not one.result().good]


if __name__ == "__main__":
    sys.exit(main())
