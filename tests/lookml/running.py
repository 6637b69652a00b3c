"""SQL out of LookML, in the way that Looker makes it, for DuckDB: fields in place of their names, groups, joins.

Not Looker's own: filters are left out, and so are the symmetric aggregates that sums of joined views need.
"""

from __future__ import annotations

import re
from typing import Any

from tests.lookml.reading import Project

SCHEMA = "analytics"
#: How DuckDB says what Looker makes of a time frame.
FRAMES = {
    "raw": "{}",
    "time": "{}",
    "date": "cast({} as date)",
    "hour_of_day": "hour({})",
    "day_of_week": "dayname({})",
    **{frame: f"date_trunc('{frame}', {{}})" for frame in ("minute", "hour", "week", "month", "quarter", "year")},
}
AGGREGATES = {"sum": "sum({})", "average": "avg({})", "min": "min({})", "max": "max({})", "median": "median({})"}
AGGREGATES |= {"count_distinct": "count(distinct {})"}


def table(project: Project, view: str) -> str:
    """The view's table; the constants are those of the test's warehouse."""
    named = project.views[view]["sql_table_name"].strip()
    prefix = "@{analytics_database}.@{analytics_schema}."
    assert named.startswith(prefix)
    return f"{SCHEMA}.{named.removeprefix(prefix)} as {view}"


def expression(project: Project, field: str) -> str:
    """The SQL of `view.field`."""
    view, name = field.split(".")
    one = project.views[view]
    for dimension in one["dimensions"]:
        if dimension["name"] == name:
            return _of(view, dimension["sql"])
    for group in one["dimension_groups"]:
        for frame in group["timeframes"]:
            if name == f"{group['name']}_{frame}":
                return FRAMES[frame].format(_of(view, group["sql"]))
    [measure] = [measure for measure in one["measures"] if measure["name"] == name]
    return _aggregate(project, view, measure)


def _of(view: str, sql: str) -> str:
    return sql.strip().replace("${TABLE}", view)


def _aggregate(project: Project, view: str, measure: dict[str, Any]) -> str:
    if measure["type"] == "count":
        [key] = [field["name"] for field in project.views[view]["dimensions"] if field.get("primary_key")]
        return f"count(distinct {expression(project, f'{view}.{key}')})"  # so that joins double none
    if measure["type"] == "number":
        return re.sub(
            r"\$\{(\w+)\}", lambda name: f"({expression(project, f'{view}.{name[1]}')})", measure["sql"].strip()
        )
    return AGGREGATES[measure["type"]].format(_of(view, measure["sql"]))


def is_measure(project: Project, field: str) -> bool:
    view, name = field.split(".")
    return name in {measure["name"] for measure in project.views[view]["measures"]}


def source(project: Project, explore: str) -> str:
    """What an explore reads from: its view, and what is joined."""
    joins = {join["name"]: join for join in project.explores[explore].get("joins", [])}
    own, *others = project.views_of(explore)
    lines = [f"from {table(project, own)}"]
    for other in others:
        on = re.sub(r"\$\{([\w.]+)\}", lambda name: expression(project, name[1]), joins[other]["sql_on"].strip())
        lines.append(f"{joins[other]['type'].replace('_', ' ')} join {table(project, other)} on {on}")
    return "\n".join(lines)


def query(project: Project, explore: str, fields: list[str]) -> str:
    """What a tile or a person asks: these fields, by all dimensions among them."""
    columns = ", ".join(f'{expression(project, field)} as "{field}"' for field in fields)
    by = [str(number) for number, field in enumerate(fields, 1) if not is_measure(project, field)]
    measured = len(by) < len(fields)
    return f"select {columns}\n{source(project, explore)}" + (
        f"\ngroup by {', '.join(by)}" if by and measured else ""
    )
