"""A mart → its view in LookML, as lkml writes it: dimensions of its columns, measures of its metrics. Pure.

Dates are local to the warehouse's reporting time zone and times are UTC already: Looker converts neither. What dbt
masks, or calls personal, is hidden here: it is there for joins and for counting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ingest.lookml_marts import SEPARATOR
from ingest.lookml_measures import measures, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.lookml_marts import Column, Mart

LookML = dict[str, Any]

#: Names of the constants that whoever uses the project sets (manifest.lkml).
DATABASE: Final = "analytics_database"
SCHEMA: Final = "analytics_schema"

_TIMEFRAMES: Final = {
    "date": ("raw", "date", "day_of_week", "week", "month", "quarter", "year"),
    "timestamp": (
        *("raw", "time", "minute", "hour", "hour_of_day"),
        *("date", "day_of_week", "week", "month", "quarter", "year"),
    ),
}
#: What a column's name says of it being a time; Looker puts the timeframe there.
_ENDING: Final = re.compile(r"_(at|date|hour|time|timestamp)$")
#: Where a name says nothing to a reader: Looker puts the timeframe behind it ("Local Date", "Local Week").
_LABELS: Final = {"partition": "Local"}
_ROW_KEY: Final = "row_key"
_DETAIL: Final = "detail"


def view(mart: Mart) -> LookML:
    """The view of a mart, of the same name."""
    plain = [column for column in mart.columns if not column.is_time]
    return {
        "name": mart.name,
        "sql_table_name": f"@{{{DATABASE}}}.@{{{SCHEMA}}}.{mart.relation}",
        "description": mart.description,
        "dimensions": [*_row_key(mart), *(_dimension(mart, column) for column in plain)],
        "dimension_groups": [_group(mart, column) for column in mart.columns if column.is_time],
        "measures": [one | {"drill_fields": [f"{_DETAIL}*"]} for one in measures(mart)],
        "sets": [{"name": _DETAIL, "fields": list(_detail(mart))}],
    }


def field(mart: Mart, column: Column) -> str:
    """The dimension, or the group of dimensions, of a column; where a measure has its name, it has another."""
    name = column.name.lstrip("_")
    if column.is_time:
        return name if column.is_technical else _ENDING.sub("", name)
    return f"{name}_per_row" if any(metric.name == name for metric in mart.metrics) else name


def label(mart: Mart, column: Column) -> dict[str, str]:
    """What the column is called where its name won't do; nobody may take the figure of a row for a measure."""
    if column.is_time:
        found = _LABELS.get(field(mart, column))
        return {"label": found} if found else {}
    words = column.name.lstrip("_").replace("_", " ").capitalize()
    taken = {metric.label.casefold() for metric in mart.metrics}
    is_twice = words.casefold() in taken or field(mart, column) != column.name.lstrip("_")
    return {"label": f"{words} (of a row)"} if is_twice else {}


def exact(mart: Mart, column: Column) -> str:
    """The dimension that has the column's value unchanged, for joins."""
    return field(mart, column) + "_raw" * column.is_time


def day(mart: Mart, column: Column) -> str:
    """The dimension of a time's date, for periods."""
    return f"{field(mart, column)}_date"


def is_hidden(mart: Mart, column: Column) -> bool:
    """Whether people who explore don't see it."""
    return column.is_technical or column.is_personal or column.name in mart.masked


def _row_key(mart: Mart) -> Iterator[LookML]:
    """The hidden dimension that names one row, where no dimension does so by itself."""
    keys = [mart.column(name) for name in mart.key]
    if len(keys) == 1 and not keys[0].is_time:
        return
    parts = [
        f"${{TABLE}}.{key.name}" if key.kind == "string" else f"cast(${{TABLE}}.{key.name} as varchar)"
        for key in keys
    ]
    yield {
        "name": _ROW_KEY,
        "primary_key": "yes",
        "hidden": "yes",
        "type": "string",
        "description": f"Names one row: {', '.join(mart.key)}.",
        "sql": SEPARATOR.join(parts),
    }


def _dimension(mart: Mart, column: Column) -> LookML:
    alone = mart.key == (column.name,)
    return {
        "name": field(mart, column),
        **({"primary_key": "yes"} if alone else {}),
        **({"hidden": "yes"} if is_hidden(mart, column) else {}),
        **label(mart, column),
        "type": column.kind,
        "description": column.description,
        "sql": f"${{TABLE}}.{column.name}",
        **(shown(f"column {column.name} of {mart.name}", column.unit) if column.unit else {}),
    }


def _group(mart: Mart, column: Column) -> LookML:
    return {
        "name": field(mart, column),
        **({"hidden": "yes"} if is_hidden(mart, column) else {}),
        **label(mart, column),
        "type": "time",
        "timeframes": list(_TIMEFRAMES[column.kind]),
        "convert_tz": "no",
        "datatype": "date" if column.kind == "date" else "datetime",
        "description": column.description,
        "sql": f"${{TABLE}}.{column.name}",
    }


def _detail(mart: Mart) -> Iterator[str]:
    """What a click on a figure shows of its rows: times first, nothing hidden."""
    shown = [column for column in mart.columns if not is_hidden(mart, column)]
    for column in sorted(shown, key=lambda one: not one.is_time):
        ending = {"date": "_date", "timestamp": "_time"}.get(column.kind, "")
        yield field(mart, column) + ending
