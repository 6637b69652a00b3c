"""docs/performance.md and its picture, from the results alone: whoever doubts a figure measures it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.dbt_increments import COLUMNS as DBT_COLUMNS
from benchmarks.figures import ratios
from benchmarks.picture import picture
from benchmarks.prose import HEAD, PARTS, SENTENCE
from benchmarks.results import HERE, LATEST, Results
from benchmarks.scaling import COLUMNS as SCALING_COLUMNS
from benchmarks.tables import contest_table, listed, memory_table, profile_table, simulation_table, workloads_table
from benchmarks.targets import targets_table
from benchmarks.warehouse import LOAD_COLUMNS

DOCS = HERE.parent / "docs"
BROKER_MICROS = 0.5  # a record, as the profile's words say
PAGE, PICTURE = DOCS / "performance.md", DOCS / "performance.svg"
Part = dict[str, Any]


def main() -> int:
    """Write both; exit code 2 without results."""
    found = Results(LATEST).read()
    if not found["parts"]:
        print(f"error: no results in {LATEST}. Next: make bench")
        return 2
    for path, text in written(found).items():
        path.write_text(text)
        print(path.relative_to(HERE.parent))
    return 0


def written(found: dict[str, Any]) -> dict[Path, str]:
    """What each file holds for these results."""
    parts = found["parts"]
    files = {PAGE: page(found)}
    if "contest" in parts:
        files[PICTURE] = picture(parts["contest"]["lines"], f"Records a second: {parts['contest']['workload']}")
    return files


def page(found: dict[str, Any]) -> str:
    """The page: fixed words, and the tables of the parts that were measured."""
    machine, parts = found["machine"], found["parts"]
    took = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    on = f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB"
    head = HEAD.format(machine=on, versions=took)
    asked = {"targets": {"date": parts["contest"]["date"], "parts": parts}} if "contest" in parts else {}
    sections = [_section(name, (parts | asked)[name]) for name in PARTS if name in parts | asked]
    return "\n\n".join([head, *sections]) + "\n"


def _section(name: str, part: Part) -> str:
    heading, words = PARTS[name]
    measured = f"{part['date']}{_how(part)}. "
    return f"## {heading}\n\n{measured}{words}\n\n{TABLES[name](part)}"


def _how(part: Part) -> str:
    rounds = f", medians of {part['rounds']} rounds" if "rounds" in part else ""
    events = f", {part['events']:,} events" if "events" in part else ""
    return f"{events}{rounds}"


def _contest(part: Part) -> str:
    found = ratios(part["lines"])
    told = [SENTENCE[name].format(ratio) for name, ratio in found.items()]
    absent = "\n".join(f"* {one['name']}: {one['why']}." for one in part["absent"])
    return "\n\n".join(
        [
            f"{part['workload']}. `ingest consume` at its best: {', '.join(told)}.",
            "![records a second, by contestant](performance.svg)",
            contest_table(part["lines"]),
            f"Not there, and why:\n\n{absent}" if absent else "All who were asked took part.",
        ]
    )


def _profile(part: Part) -> str:
    told = []
    for name, one in part["readers"].items():
        main, others = (sum(one[kind].values()) for kind in ("steps", "threads"))
        most, free = (part["cores"] / (micros + BROKER_MICROS) * 1e6 for micros in (main + others, others))
        told.append(f"{round(most, -3):,.0f} records a second with the {name} reader ({round(free, -3):,.0f})")
    return f"{profile_table(part['readers'])}\n\n{PARTS['bounds'][1].format(most=', '.join(told))}"


def _scaling(part: Part) -> str:
    more = PARTS["simulation"][1].format(client=round(part["client"]))
    return f"{listed(part['lines'], SCALING_COLUMNS, left=0)}\n\n{more}\n\n{simulation_table(part['simulated'])}"


def _dbt(part: Part) -> str:
    void = [f"void: {one}." for one in part["void"]]
    return "\n\n".join([listed(part["lines"], DBT_COLUMNS, left=2), *void])


TABLES = {
    "contest": _contest,
    "targets": lambda part: targets_table(part["parts"]),
    "profile": _profile,
    "workloads": lambda part: workloads_table(part["workloads"]),
    "scaling": _scaling,
    "memory": lambda part: memory_table(part["lines"]),
    "load": lambda part: listed(part["lines"], LOAD_COLUMNS, left=0),
    "dbt": _dbt,
}
