"""A warehouse for reports, by the real pipeline: synthetic learners, and contents with hostile names among them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from tests.dbt.running import Warehouse

SYNTHETIC = 3000
LEARNERS = 16
#: Names that a producer might send: markup, an address, a template's sign, a direction, and no place to break.
SCRIPT = "<script>alert('lesson')</script>"
IMAGE = "\"><img src='https://evil.example/x.png' onerror=alert(1)>{{ 7 * 7 }}\u202edessert"
LONG = "</title>" + "W" * 240
HOSTILE = (SCRIPT, IMAGE, LONG)


@dataclass(frozen=True)
class Reported:
    """A folder with objects, a warehouse whose models are built, and the truth about what was sent."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @cached_property
    def truth(self) -> dict[str, Any]:
        return json.loads((self.folder / "truth.json").read_text())  # type: ignore[no-any-return]

    def copy(self, folder: Path, *changes: str) -> Path:
        """A copy of the warehouse, changed by these statements. Of the same name: dbt's views know the file by it."""
        path = folder / self.warehouse.name
        path.write_bytes(self.warehouse.read_bytes())
        with duckdb.connect(str(path)) as connection:
            for change in changes:
                connection.execute(change)
        return path

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def ingest(*words: str, folder: Path, **env: str) -> tuple[int, str, str]:
    """The command line as a user runs it: exit code, stdout, stderr."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_", "SNOWFLAKE"))}
    done = subprocess.run(
        [sys.executable, "-m", "ingest", *words],
        cwd=folder,
        env=own | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def build(folder: Path, bootstrap: str, topic: str) -> Reported:
    """Topic → objects → warehouse → models. Takes about half a minute."""
    here = Reported(folder)
    events = folder / "hostile.ndjson"
    events.write_text("".join(json.dumps(event) + "\n" for event in hostile_events()))
    environment = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "KAFKA_TOPIC_EVENTS_RAW": topic}
    for words in (
        ("produce", "--synthetic", str(SYNTHETIC), "--malformed", "0.02", "--late", "0.02", "--truth", "truth.json"),
        ("produce", str(events)),
        ("consume", "--once", "--store", "objects"),
        ("load", "--store", "objects", "--warehouse", str(here.warehouse)),
    ):
        code, _, errors = ingest(*words, folder=folder, **environment)
        assert code in (0, 1), errors  # 1: finished, and some records are in quarantine
    dbt = Warehouse(folder)
    dbt.dbt("seed")
    dbt.dbt("run")
    dbt.rows(f"update intermediate.int_transform_runs set status = 'failed', error_message = $${SCRIPT}$$")  # noqa: S608
    return here


def hostile_events() -> list[dict[str, Any]]:
    """Of `LEARNERS` learners all start each lesson and half complete it; all score 85 of 100, and report mastery."""
    numbers = itertools.count()
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    found = []

    def add(learner: int, kind: str, minute: int, **data: Any) -> None:
        at = begin + timedelta(minutes=minute)
        found.append(
            {
                "event_id": f"hostile-{next(numbers)}",
                "event_type": kind,
                "timestamp": at.isoformat(),
                "learner_id": f"secret.name.{learner}@school.example",
                "data": data,
            }
        )

    for (place, name), learner in itertools.product(enumerate(HOSTILE), range(LEARNERS)):
        minute = 60 * place + learner
        add(learner, "lesson_start", minute, lesson_id=name)
        if learner % 2:
            add(learner, "lesson_complete", minute + 5, lesson_id=name)
        add(learner, "assessment_start", minute + 10, assessment_id=name)
        add(learner, "assessment_complete", minute + 15, assessment_id=name, score=85, max_score=100)
        for day in range(3):
            after = 0.25 + 0.25 * day
            add(learner, "mastery_updated", minute + 20 - 1440 * (2 - day), skill_id=name, mastery_after=after)
    return found
