"""Subjects and marts → explores, and the model that holds them. Pure.

A join follows dbt's entities, and only to a mart whose own key the entity is: no row is ever doubled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ingest.errors import InputError
from ingest.lookml_marts import SEPARATOR
from ingest.lookml_views import DATABASE, SCHEMA, day, exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.lookml_marts import Catalogue, Column, Entity, Mart, Subject

LookML = dict[str, Any]

CONNECTION: Final = "connection"
_RUNS: Final = "etl_job_status"
_LONGER: Final = ("week", "month", "quarter", "year")
#: Looker's cached answers hold until dbt has run again …
_TRANSFORMED: Final = {
    "name": "transformed",
    "max_cache_age": "24 hours",
    "sql_trigger": "select max(completed_at) from "  # noqa: S608 - of constants
    f"@{{{DATABASE}}}.@{{{SCHEMA}}}.{_RUNS} where job_type = 'transform' and status = 'completed'",
}
#: … but not where a view looks at the clock: who is active now is another answer in five minutes.
_ON_READING: Final = {"name": "computed_on_reading", "max_cache_age": "5 minutes"}


def explores(catalogue: Catalogue, subject: Subject) -> list[LookML]:
    """An explore for each mart of a subject; the first has the subject's name."""
    marts = [catalogue.mart(name) for name in subject.marts]
    return [_explore(catalogue, subject, mart, first=mart is marts[0]) for mart in marts]


def model(catalogue: Catalogue) -> LookML:
    """The model file: where the rest is, which connection, and how long answers are kept."""
    kept = any(mart.name == _RUNS for mart in catalogue.marts)
    groups = [*([_TRANSFORMED] if kept else []), *([_ON_READING] if any(map(_on_reading, catalogue.marts)) else [])]
    return {
        "connection": f"@{{{CONNECTION}}}",
        "label": catalogue.project.replace("_", " ").capitalize(),
        "includes": [
            "/views/*.view.lkml",
            "/refinements/*.view.lkml",
            "/explores/*.explore.lkml",
            "/refinements/explores.lkml",
            "/dashboards/*.dashboard.lookml",
        ],
        **({"datagroups": groups} if groups else {}),
        **({"persist_with": _TRANSFORMED["name"]} if kept else {}),
    }


def period(mart: Mart) -> str | None:
    """The dimension, with its view, that a period is of; none where a row may have no time and would vanish."""
    if mart.time is None or not mart.column(mart.time).never_null:
        return None
    return f"{mart.name}.{day(mart, mart.column(mart.time))}"


def _explore(catalogue: Catalogue, subject: Subject, mart: Mart, *, first: bool) -> LookML:
    joins = list(_joins(catalogue, mart))
    reach = [mart, *(catalogue.mart(join["name"]) for join in joins)]
    return {
        "name": subject.name if first else mart.name,
        **({"view_name": mart.name} if first and subject.name != mart.name else {}),
        "label": subject.label if first else mart.name.replace("_", " ").capitalize(),
        "group_label": subject.label,
        "description": " ".join(_told(catalogue, mart, reach)),
        **({"persist_with": _ON_READING["name"]} if any(map(_on_reading, reach)) else {}),
        **_filters(mart),
        "joins": joins,
    }


def _told(catalogue: Catalogue, mart: Mart, reach: Sequence[Mart]) -> Iterator[str]:
    """What a row is, what to expect of the marts that are joined, and how old an answer may be."""
    yield mart.description
    for _, _, known in _known(catalogue, mart):
        if known.description:
            yield known.description
    if now := [f"`{column.name}`" for one in reach for column in _on_reading(one)]:
        yield f"{', '.join(now)} is computed on reading, so answers are kept for {_ON_READING['max_cache_age']} only."


def _on_reading(mart: Mart) -> list[Column]:
    """Columns that tell of now, not of the last run."""
    return [column for column in mart.columns if column.computed_on_reading]


def _filters(mart: Mart) -> LookML:
    """Ask for the tenant, which every key begins with, and bound the period unless somebody bounds it otherwise."""
    found: LookML = {}
    if mart.has("tenant_id"):
        found["always_filter"] = {"filters__all": [[{f"{mart.name}.tenant_id": ""}]]}
    if when := period(mart):
        fine = any(mart.column(name).kind == "timestamp" for name in mart.key)
        found["conditionally_filter"] = {
            "filters__all": [[{when: "7 days" if fine else "90 days"}]],
            "unless": [*(f"{when.removesuffix('date')}{longer}" for longer in _LONGER), *_other_days(mart, when)],
        }
    return found


def _other_days(mart: Mart, but: str) -> Iterator[str]:
    for column in mart.columns:
        found = f"{mart.name}.{day(mart, column)}"
        if column.is_time and not column.is_technical and found != but:
            yield found


def _joins(catalogue: Catalogue, mart: Mart) -> Iterator[LookML]:
    for entity, other, known in _known(catalogue, mart):
        yield _join(mart, entity, other, known)


def _known(catalogue: Catalogue, mart: Mart) -> Iterator[tuple[Entity, Mart, Entity]]:
    """A mart's entities, the other marts whose key one of them is, and what it is there."""
    for entity in mart.entities:
        for other in catalogue.marts:
            for known in other.entities:
                if other is not mart and known.name == entity.name and known.kind in {"primary", "unique"}:
                    yield entity, other, known


def _join(mart: Mart, entity: Entity, other: Mart, known: Entity) -> LookML:
    if set(known.columns) != set(other.key) or len(entity.columns) != len(known.columns):
        raise InputError(
            f"entity {entity.name} of {mart.name} is no whole key of {other.name}: a join would double rows",
            f"Let its expr name the columns {', '.join(other.key)}, joined by{SEPARATOR.rstrip()}.",
        )
    pairs = zip(entity.columns, known.columns, strict=True)
    ours = {one.columns for one in mart.entities if one.kind != "foreign"} | {mart.key}
    return {
        "name": other.name,
        "type": "left_outer",
        "relationship": "one_to_one" if entity.columns in ours else "many_to_one",
        "sql_on": " and ".join(f"{_of(mart, left)} = {_of(other, right)}" for left, right in pairs),
    }


def _of(mart: Mart, column: str) -> str:
    return f"${{{mart.name}.{exact(mart, mart.column(column))}}}"
