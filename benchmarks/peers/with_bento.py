"""Bento: its Kafka input with batches, a mapping for the columns, its Parquet encoder, a file for each batch.

It has no end: it is stopped when its files have all rows. Nor does it say when its first record came, so it goes by
its pace from the first file to the last, its start apart. `variant` is the program.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from task import Clock, parsed

CONFIGURATION = Path(__file__).parent / "bento/events.yaml"
PATIENCE = 120  #: seconds without a new file before it is given up
EVERY = 0.2  #: seconds between two looks at the files
COMMITTED = 2  #: seconds after the last file until its offsets are committed: the commit period, twice


def rows_of(path: Path) -> int | None:
    """The rows of a file, by its footer; None while it is being written."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowInvalid):
        return None


def main() -> None:
    task = parsed()
    folder = Path(task.folder)
    folder.mkdir(parents=True)
    settings = {
        "BOOTSTRAP": task.bootstrap,
        "TOPIC": task.topic,
        "GROUP": task.group,
        "FOLDER": task.folder,
        "ROWS": str(task.rows),
        "IN_FLIGHT": str(4 * task.rows),
    }
    command = [task.variant, "-c", str(CONFIGURATION)]
    found: dict[Path, int] = {}
    with subprocess.Popen(command, env=os.environ | settings, stdout=sys.stderr) as bento:
        heard = time.monotonic()
        while sum(found.values()) < task.events and bento.poll() is None and time.monotonic() - heard < PATIENCE:
            time.sleep(EVERY)
            new = {path: rows for path in set(folder.iterdir()) - set(found) if (rows := rows_of(path)) is not None}
            if new:
                found |= new
                heard = time.monotonic()
        time.sleep(COMMITTED)
        bento.kill()  # told to stop, it sometimes waits for ever
    if len(found) < 2:
        sys.exit(f"Bento wrote {len(found)} files: no pace can be told")
    written = sorted((path.stat().st_mtime, rows) for path, rows in found.items())
    (first, rows), (last, _) = written[0], written[-1]
    pace = (sum(found.values()) - rows) / (last - first)
    clock = Clock()
    clock.first = first - rows / pace
    clock.report(last=last)


if __name__ == "__main__":
    main()
