"""Metrics of dbt's semantic layer → measures in LookML, of the same names, labels and meanings. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ingest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.lookml_marts import Aggregate, Mart

#: What `meta.unit` of a metric or a column may be, and how Looker shows it.
FORMATS: Final[dict[str, dict[str, str]]] = {
    "count": {"value_format_name": "decimal_0"},
    "seconds": {"value_format_name": "decimal_1"},
    "minutes": {"value_format_name": "decimal_1"},
    "hours": {"value_format_name": "decimal_1"},
    "share": {"value_format_name": "percent_1"},
    "percent": {"value_format": '0.0"%"'},
    "fraction": {"value_format_name": "decimal_3"},
}
_PLAIN: Final = frozenset({"sum", "average", "median", "count_distinct", "min", "max"})


def measures(mart: Mart) -> Iterator[dict[str, Any]]:
    """A measure for every metric of the mart. Raises `InputError` for one that LookML has no words for."""
    aggregates = {one.name: one for one in mart.aggregates}
    for metric in mart.metrics:
        formula = _ratio(metric.ratio) if metric.ratio else _formula(mart, aggregates[str(metric.aggregate)])
        yield {
            "name": metric.name,
            "label": metric.label,
            "description": metric.description,
            **formula,
            **shown(f"metric {metric.name}", metric.unit or "count"),
        }


def _ratio(parts: tuple[str, str]) -> dict[str, str]:
    above, below = parts
    return {"type": "number", "sql": f"1.0 * ${{{above}}} / nullif(${{{below}}}, 0)"}


def _formula(mart: Mart, aggregate: Aggregate) -> dict[str, str]:
    sql = mart.sql(aggregate.expr)
    if aggregate.agg in _PLAIN:
        return {"type": aggregate.agg, "sql": sql}
    if aggregate.agg == "sum_boolean":
        return {"type": "sum", "sql": f"case when {sql} then 1 else 0 end"}
    if aggregate.agg != "count":
        raise InputError(
            f"measure {aggregate.name} of {mart.name} is of kind {aggregate.agg}, which `ingest lookml` can't say",
            "Take it out of the semantic model, and write it by hand in looker/refinements.",
        )
    if mart.has(aggregate.expr) and mart.column(aggregate.expr).never_null:
        return {"type": "count"}  # every row: Looker counts keys, and joins don't double them
    return {"type": "sum", "sql": f"case when {sql} is not null then 1 else 0 end"}


def shown(what: str, unit: str) -> dict[str, str]:
    """How Looker writes a figure of this unit. Raises `InputError`, which names what it is of, for an unknown one."""
    if unit not in FORMATS:
        raise InputError(
            f"{what} is in {unit!r}, a unit that has no format",
            f"Let `meta.unit` in its yml be one of {', '.join(FORMATS)}; without one a metric is a count.",
        )
    return FORMATS[unit]
