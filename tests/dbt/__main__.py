"""Compare random histories, as many as one likes: `python -m tests.dbt 200`; or one: `… 1 --from 17`.

Each warehouse holds some of them side by side. A failing one is named by its seed, with which it can be run alone.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.dbt.comparing import compared

_SIDE_BY_SIDE = 25


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.dbt", description=__doc__)
    parser.add_argument("histories", type=int, nargs="?", default=200)
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED")
    options = parser.parse_args()
    began, end = time.monotonic(), options.first + options.histories
    with tempfile.TemporaryDirectory() as folder:
        for first in range(options.first, end, _SIDE_BY_SIDE):
            seeds = range(first, min(first + _SIDE_BY_SIDE, end))
            place = Path(folder) / str(first)
            place.mkdir()
            if found := compared(place, seeds):
                failing = sorted({int(seed) for what in found for seed in re.findall(r"'h(\d+)-[ab]'", what)})
                print(*found[:20], sep="\n")
                print(f"{len(found)} differences. Seeds: {failing or list(seeds)}. Alone: … 1 --from SEED")
                return 1
            print(
                f"{seeds[-1] + 1 - options.first} histories, no difference ({time.monotonic() - began:.0f} s)",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
