"""One run of one contestant: its figures, or why they are void."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.contestants import Contestant, Errand
from benchmarks.processes import Cost, measured

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-west-2",
    "AWS_EC2_METADATA_DISABLED": "true",
}
OURS = ("KAFKA_", "S3_", "AWS_", "INGEST_", "BATCH_", "FLUSH_", "MAX_", "PARQUET_", "HTTP_", "LOG_", "PUT_", "READER")


@dataclass(frozen=True)
class Figures:
    """What one run showed. Of a void one only the reason counts."""

    rate: float = 0.0  #: records a second, from the first to the last record
    start_seconds: float = 0.0  #: before the first record
    cpu_seconds: float = 0.0  #: user and system, for a million records, start included
    peak_mb: float = 0.0  #: resident, 10^6 bytes
    void: str = ""


class Void(Exception):  # noqa: N818 - a verdict
    """Why a run does not count."""


def tried(contestant: Contestant, errand: Errand, home: Path) -> Figures:
    """Run it; `home` is the working directory."""
    cost = measured(contestant.command(errand), environment(errand, contestant), home)
    try:
        records, first, last = _told(contestant, errand, cost)
    except Void as reason:
        return Figures(void=str(reason))
    except (ValueError, LookupError) as error:
        return Figures(void=f"it did not say what it did ({error!r})")
    rate, cpu = records / (last - first), cost.cpu_seconds / records * 1e6
    return Figures(rate, first - cost.began, cpu, cost.peak_bytes / 1e6)


def environment(errand: Errand, contestant: Contestant) -> dict[str, str]:
    """This process's environment without settings of ours, and with what the store needs."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith(OURS)}
    own = {"LOG_FORMAT": "json", "PYTHONWARNINGS": "ignore"}
    if contestant.reader:
        own |= {"READER": contestant.reader}
    if contestant.place.startswith("s3"):
        own |= CREDENTIALS | {"S3_ENDPOINT_URL": errand.stores[contestant.place]}
    return plain | own


def _told(contestant: Contestant, errand: Errand, cost: Cost) -> tuple[int, float, float]:
    """Records, and when the first and the last came; raises `Void` if the work is not done."""
    wanted = errand.workload.events
    if cost.code not in ((0, 1) if contestant.kind == "ours" and errand.workload.bad else (0,)):
        raise Void(f"exit code {cost.code}: {(cost.err.strip().splitlines() or ['silence'])[-1][:200]}")
    if contestant.kind == "ours":
        records, (first, last) = int(json.loads(cost.out)["records"]), between(cost.err)
    else:
        told = json.loads(cost.out.strip().splitlines()[-1])
        first, last, records = told["first"], told.get("last", 0.0), told.get("records", wanted)
    if contestant.place:
        paths = files(contestant, errand)
        records = rows_of(paths)
        last = last or max(path.stat().st_mtime for path in paths)
    if records != wanted:
        raise Void(f"{records:,} rows of {wanted:,} records")
    return records, first, last


def between(log: str) -> tuple[float, float]:
    """When `ingest consume` took up its first partition and had stored its last object, by its log."""
    told = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    times = {
        name: [datetime.fromisoformat(one["timestamp"]).timestamp() for one in told if one["event"] == name]
        for name in ("partition_opened", "object_stored")
    }
    return min(times["partition_opened"]), max(times["object_stored"])


def files(contestant: Contestant, errand: Errand) -> list[Path]:
    """The Parquet files of a run; what `ingest` keeps beside them (job records, its canary) is none."""
    if contestant.place.startswith("s3"):
        return list((errand.folder.parent / contestant.place / errand.group).glob("events%2Fevents_*.parquet"))
    inside = errand.folder / errand.workload.topic if contestant.kind == "ours" else errand.folder
    return [path for path in inside.rglob("*.parquet") if "_dlt" not in path.parent.name]


def rows_of(paths: Sequence[Path]) -> int:
    """All rows, by the files' own footers."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in paths)
