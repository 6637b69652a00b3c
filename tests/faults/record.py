"""The record of a long run: what was injected, what was counted, and how to repeat it."""

from __future__ import annotations

import json
import platform
import re
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from confluent_kafka import libversion

from ingest import __version__
from tests.faults.scenarios import Outcome

ROOT: Final = Path(__file__).parent.parent.parent
JSON: Final = ROOT / "docs/reliability.json"
PAGE: Final = ROOT / "docs/reliability.md"
_MARKS: Final = ("<!-- from docs/reliability.json: make faults -->", "<!-- end -->")
_KAFKA: Final = re.compile(r"<kafka.version>([^<]+)</kafka.version>")


def versions() -> dict[str, str]:
    """What took part."""
    found = _KAFKA.search((ROOT / "infra/kafka/pom.xml").read_text())
    assert found is not None
    libraries = ("confluent-kafka", "polars", "boto3", "moto")
    return {
        "ingest": __version__,
        "Apache Kafka": found[1],
        "librdkafka": libversion()[0],
        **{name: version(name) for name in libraries},
        "Python": platform.python_version(),
    }


def record(outcomes: Sequence[Outcome], date: str, seed: int, records: int, cores: int) -> dict[str, Any]:
    """The record, of what was found alone; `date` is the day, `records` what was asked for."""
    faults = sum((one.faults for one in outcomes), Counter[str]())
    return {
        "date": date,
        "command": f"FAULTS_SEED={seed} FAULTS_RECORDS={records} make faults",
        "seed": seed,
        "cores": cores,
        "versions": versions(),
        "records": sum(one.account.rows - one.account.doubled + one.account.lost for one in outcomes),
        "objects": sum(one.account.objects for one in outcomes),
        "injected": faults.total(),
        "lost": sum(one.account.lost for one in outcomes),
        "doubled": sum(one.account.doubled for one in outcomes),
        "altered": sum(one.account.altered for one in outcomes),
        "deleted_before_read_and_on_record": sum(one.account.recorded for one in outcomes),
        "seconds": round(sum(one.seconds for one in outcomes)),
        "faults": dict(sorted(faults.items())),
        "scenarios": [_scenario(one) for one in outcomes],
    }


def _scenario(one: Outcome) -> dict[str, Any]:
    account = one.account
    return {
        "name": one.name,
        "records": account.rows - account.doubled + account.lost,
        "objects": account.objects,
        "injected": one.faults.total(),
        "restarts": one.restarts,
        "lost": account.lost,
        "doubled": account.doubled,
        "seconds": round(one.seconds),
    }


def tables(found: dict[str, Any]) -> str:
    """The record as it stands in docs/reliability.md."""
    took = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return "\n".join(
        [
            f"{found['date']}, {found['cores']} cores: **{found['injected']:,} faults** over "
            f"**{found['records']:,} records** in {found['objects']:,} objects: "
            f"**{found['lost']} lost, {found['doubled']} doubled, {found['altered']} altered**. A further "
            f"{found['deleted_before_read_and_on_record']:,} were deleted by retention before they could be read, "
            "each on record in the object that follows.",
            "",
            f"With {took}. Again: `{found['command']}`.",
            *(["", found["note"]] if "note" in found else []),
            "",
            "| scenario | records | objects | faults | members started again | lost | doubled |",
            "|---|--:|--:|--:|--:|--:|--:|",
            *map(_row, found["scenarios"]),
            "",
            "| fault | times |",
            "|---|--:|",
            *(f"| {name} | {count:,} |" for name, count in found["faults"].items()),
        ]
    )


def _row(one: dict[str, Any]) -> str:
    counts = [f"{one[name]:,}" for name in ("records", "objects", "injected", "restarts", "lost", "doubled")]
    return f"| {one['name']} | {' | '.join(counts)} |"


def publish(found: dict[str, Any]) -> None:
    """Write the record, and its tables into the page."""
    JSON.write_text(json.dumps(found, indent=2) + "\n")
    PAGE.write_text(page(PAGE.read_text(), found))


def page(text: str, found: dict[str, Any]) -> str:
    """The page with the tables of this record between its marks."""
    before, rest = text.split(_MARKS[0])
    after = rest.split(_MARKS[1])[1]
    return f"{before}{_MARKS[0]}\n\n{tables(found)}\n\n{_MARKS[1]}{after}"
