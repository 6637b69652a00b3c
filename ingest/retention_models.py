"""What dbt made of the raw rows: staging, aggregates and views, looked at and deleted from by dbt itself.

Its own macro knows which table ages, by what, and in which order (dbt_project/macros/retention.sql). It runs in a
process of its own, with the figures of our settings, and keeps its artifacts out of the project's folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import WarehouseError
from ingest.retention_layers import Layer, Share, Taker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.retention import Retention

#: What the macro calls a table's retention.
_LAYERS: Final = {"raw": Layer.STAGING, "aggregate": Layer.AGGREGATES, "realtime": Layer.VIEWS}
_SAID: Final = 3  # lines of dbt's own words that are repeated


@dataclass(frozen=True, slots=True)
class Models:
    """The dbt project in `folder` over the warehouse that `target` and `environment` name."""

    folder: Path
    target: str
    environment: Mapping[str, str]
    retention: Retention

    def absent(self) -> str | None:
        """Why it can't be asked at all, if so."""
        if not (self.folder / "dbt_project.yml").exists():
            return f"there is no dbt project in {self.folder}: --project"
        return None if _dbt().exists() else "dbt is not installed: pip install '.[dbt]'"

    def shares(self, now: datetime) -> list[Share]:
        """What each table holds, and how far back each view looks, as of `now`. Raises `WarehouseError`."""
        told = self._run(now)
        return [self._share(one, now) for one in (*told["tables"], *told["views"])]

    def expire(self, now: datetime) -> int:
        """Delete what is past its time; answers how many rows. dbt leaves a job record. Raises `WarehouseError`."""
        return int(self._run(now, apply=True)["deleted"])

    def _share(self, one: Mapping[str, Any], now: datetime) -> Share:
        layer = _LAYERS[one["retention"]]
        horizon = {
            Layer.STAGING: self.retention.raw_horizon,
            Layer.AGGREGATES: self.retention.aggregate_horizon,
            Layer.VIEWS: self.retention.realtime_horizon,
        }[layer](now)
        oldest = one["oldest"] and datetime.fromisoformat(one["oldest"])
        aware = oldest and oldest.replace(tzinfo=oldest.tzinfo or UTC)
        taker = Taker.NOBODY if layer is Layer.VIEWS else Taker.US
        return Share(layer, one["name"], taker, horizon, one["past"], aware or None)

    def _run(self, now: datetime, **more: Any) -> dict[str, Any]:
        """Run the macro as of `now`; answers its line of JSON."""
        arguments = {"as_json": True, "as_of": now.astimezone(UTC).replace(tzinfo=None).isoformat(" "), **more}
        with TemporaryDirectory(prefix="ingest-retention-") as artifacts:
            words = [*self._words(arguments), "--target-path", artifacts, "--log-path", artifacts]
            done = subprocess.run(words, env=dict(self.environment), capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        if done.returncode or not lines:
            raise WarehouseError(
                f"dbt run-operation retention ended with exit code {done.returncode}: {' / '.join(lines[-_SAID:])}",
                f"Run it by hand: cd {self.folder} && dbt run-operation retention",
            )
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer

    def _words(self, arguments: Mapping[str, Any]) -> Sequence[str]:
        folder = str(self.folder)
        return [
            *(str(_dbt()), "--quiet", "--no-use-colors", "--log-level-file", "none", "--no-write-json"),
            *("run-operation", "retention", "--target", self.target),
            *("--args", json.dumps(arguments), "--vars", json.dumps(self.retention.variables())),
            *("--project-dir", folder, "--profiles-dir", folder),
        ]


def _dbt() -> Path:
    """The dbt that is installed beside us."""
    return Path(sys.executable).with_name("dbt")
