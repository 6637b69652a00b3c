"""`python -m benchmarks`: parts, sizes and rounds of the measurements; the report; the guard."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from benchmarks import parts, report, results
from benchmarks.guard import expected, verdicts
from benchmarks.results import Results
from infra.kafka import broker
from ingest.reader import compiled_reader

EPILOG = "`run --help` lists parts, sizes and rounds, `short --help` what the guard can be told."


def main() -> int:
    """Parse the command line and do it; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, epilog=EPILOG)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="measure, and keep the results")
    run.add_argument("--part", choices=parts.PARTS, action="append", help="only this (again for more); all without")
    run.add_argument("--events", type=int, default=2_000_000, help="records of the main topic (default: %(default)s)")
    run.add_argument("--rounds", type=int, default=3, help="runs of each contestant (default: %(default)s)")
    run.add_argument(
        "--backlog", type=int, default=20_000_000, help="records of the memory run (default: %(default)s)"
    )
    run.add_argument(
        "--warehouse",
        type=_numbers,
        default=[1_000_000, 5_000_000, 20_000_000],
        metavar="N,N",
        help="events of the warehouses that dbt builds (default: 1000000,5000000,20000000)",
    )
    run.add_argument("--results", type=Path, default=results.LATEST, help="where they go (default: %(default)s)")
    short = verbs.add_parser("short", help="the guard: a few contestants, ratios against expected.json, exit code 1")
    short.add_argument("--events", type=int, default=400_000)
    short.add_argument("--rounds", type=int, default=3)
    verbs.add_parser("report", help="docs/performance.md and its picture from the results")
    chosen = parser.parse_args()
    if chosen.verb == "report":
        return report.main()
    return _short(chosen) if chosen.verb == "short" else _run(chosen)


def _run(chosen: argparse.Namespace) -> int:
    """Part after part: one that fails is told, and the others are measured all the same."""
    kept, reason, failed = Results(chosen.results), broker.missing(), []
    for part in chosen.part or parts.PARTS:
        print(f"\n{part}\n{'=' * len(part)}", flush=True)
        if reason and part != "dbt":
            print(f"skipped: no real broker ({reason})")
            continue
        try:
            kept.keep(part, parts.PARTS[part](chosen))
        except Exception:
            traceback.print_exc()
            failed.append(part)
    print(f"\n{chosen.results}{', but for ' * bool(failed)}{', '.join(failed)}. Next: python -m benchmarks report")
    return 1 if failed else 0


def _short(chosen: argparse.Namespace) -> int:
    if reason := broker.missing():
        print(f"skipped: no real broker ({reason})")
        return 0
    reader = "compiled" if compiled_reader() else "python"
    judged = verdicts(parts.short(chosen), expected(reader))
    print(f"\nreader: {reader}")
    for sentence, good in judged:
        print(f"ingest consume: {sentence}{'' if good else '   FAILED'}")
    return 0 if all(good for _, good in judged) else 1


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
