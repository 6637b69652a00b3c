"""What was measured, as JSON: each part when it was last run, and what took part."""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LATEST = HERE / "results/latest.json"
PEERS = ("quixstreams", "bytewax", "dlt", "confluent-kafka", "pyarrow", "polars", "orjson")


@dataclass(frozen=True)
class Results:
    """A file of results. Parts are replaced one by one."""

    path: Path

    def read(self) -> dict[str, Any]:
        """Everything in it; without a file, nothing."""
        return json.loads(self.path.read_text()) if self.path.exists() else {"parts": {}}

    def keep(self, part: str, found: dict[str, Any]) -> None:
        """Write a part's results, with the day and the versions."""
        whole = self.read()
        whole["machine"] = machine()
        whole["versions"] = versions()
        whole["parts"][part] = {"date": datetime.now(UTC).date().isoformat(), **found}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(whole, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """What it ran on: kind of processor, cores, memory in 10^9 bytes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"processor": platform.machine(), "cores": os.cpu_count(), "memory_gb": round(memory / 1e9)}


def versions() -> dict[str, str]:
    """What took part: ours by what is installed, the peers' by their requirements."""
    from confluent_kafka import libversion

    kafka = re.search(r"<kafka.version>([^<]+)", (HERE.parent / "infra/kafka/pom.xml").read_text())
    assert kafka is not None
    listed = dict(re.findall(r"^([\w.-]+)==(\S+)", (HERE / "requirements-peers.txt").read_text(), re.MULTILINE))
    own = {name: version(name) for name in ("confluent-kafka", "polars", "msgspec", "duckdb", "dbt-core")}
    peers = {f"peers' {name}": listed[name] for name in PEERS}
    bento = re.search(r"warpstreamlabs/bento v(\S+)", (HERE / "peers/bento/go.mod").read_text())
    assert bento is not None
    return {
        "Apache Kafka": kafka[1],
        "librdkafka": libversion()[0],
        "Python": platform.python_version(),
        **own,
        **peers,
        "Bento": bento[1],
    }
