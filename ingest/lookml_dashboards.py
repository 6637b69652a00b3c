"""Dashboards: the tiles that a template lists → LookML dashboards, which are YAML. Pure but for the template.

Every field of a tile is one that the explore of its mart has; the tile listens to the dashboard's period and tenant
as far as its mart has them.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import InputError
from ingest.lookml_explores import period
from ingest.lookml_views import field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ingest.lookml_marts import Catalogue, Mart, Subject

#: The period that is shown until somebody chooses another.
_SHOWN: Final = "28 days"
#: Width and height in the grid, which is 24 wide.
_SIZES: Final = {"sixth": (4, 4), "quarter": (6, 4), "half": (12, 8), "all": (24, 8)}
#: Kinds with an axis: rows come newest first, and the axis of time draws them from left to right all the same.
_DRAWN: Final = frozenset({"looker_line", "looker_column"})
_GRID: Final = 24
_LIMIT: Final = 500
#: The most rows that Looker shows of a tile: the period's hours fit in, and its days by every pivot.
_LONGEST: Final = 5000
_TIMEFRAME: Final = re.compile(r"_(time|minute|hour|date|week|month|quarter|year)$")


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: which fields of which mart's explore, and how they are drawn."""

    title: str
    mart: str
    type: str
    fields: Sequence[str]
    wide: str
    pivots: Sequence[str] = ()
    sorts: Sequence[str] = ()
    filters: Mapping[str, str] = dataclasses.field(default_factory=dict)


def tiles(subject: str) -> list[Tile]:
    """The tiles of a subject's dashboard; none if the template has no such dashboard."""
    text = files("ingest").joinpath("templates/lookml/dashboards.toml").read_text(encoding="utf-8")
    return [Tile(**one) for one in tomllib.loads(text).get(subject, ())]


def series(mart: Mart, tile: Tile) -> str | None:
    """The tile's field that time runs along; none where it shows no course of time."""
    times = {field(mart, column) for column in mart.columns if column.is_time}
    return next((one for one in tile.fields if _TIMEFRAME.search(one) and _TIMEFRAME.sub("", one) in times), None)


def dashboard(catalogue: Catalogue, subject: Subject, fields: Mapping[str, frozenset[str]]) -> str:
    """A subject's dashboard as YAML, "" if it has no tiles. `fields` are those of each view. Raises `InputError`."""
    listed = tiles(subject.name)
    for tile in listed:
        _refuse_unknown(subject, tile, fields)
        _refuse_oldest_first(catalogue, subject, tile)
    if not listed:
        return ""
    head = {
        "dashboard": subject.name,
        "title": subject.label,
        "description": subject.description,
        "layout": "newspaper",
        "preferred_viewer": "dashboards-next",
    }
    places = _places([_SIZES[tile.wide] for tile in listed])
    body = {
        "filters": list(_filters(catalogue, subject)),
        "elements": [_element(catalogue, subject, tile) | place for tile, place in zip(listed, places, strict=True)],
    }
    return "\n".join(_yaml(head, body)) + "\n"


def _refuse_unknown(subject: Subject, tile: Tile, fields: Mapping[str, frozenset[str]]) -> None:
    sorted_by = [one.removesuffix(" desc") for one in tile.sorts]
    used = {*tile.fields, *tile.pivots, *tile.filters, *sorted_by}
    unknown = sorted(used - fields.get(tile.mart, frozenset()))
    if tile.mart not in subject.marts or unknown:
        raise InputError(
            f"tile {tile.title!r} of dashboard {subject.name} shows {', '.join(unknown) or 'a mart'} of {tile.mart}, "
            "which is not there",
            "Change the tile in ingest/templates/lookml/dashboards.toml, or the metric in the mart's yml.",
        )


def _refuse_oldest_first(catalogue: Catalogue, subject: Subject, tile: Tile) -> None:
    time = series(catalogue.mart(tile.mart), tile)
    if time and [*tile.sorts[:1]] != [f"{time} desc"]:
        raise InputError(
            f"tile {tile.title!r} of dashboard {subject.name} would lose its newest rows to the limit",
            f'Let its sorts begin with "{time} desc" in ingest/templates/lookml/dashboards.toml.',
        )


def _explore(subject: Subject, mart: str) -> str:
    return subject.name if mart == subject.marts[0] else mart


def _filters(catalogue: Catalogue, subject: Subject) -> Iterator[dict[str, Any]]:
    yield {"name": "Period", "title": "Period", "type": "date_filter", "default_value": _SHOWN}
    owned = [name for name in subject.marts if catalogue.mart(name).has("tenant_id")]
    if owned:
        yield {
            "name": "Tenant",
            "title": "Tenant",
            "type": "field_filter",
            "model": catalogue.project,
            "explore": _explore(subject, owned[0]),
            "field": f"{owned[0]}.tenant_id",
            "default_value": "",
            "allow_multiple_values": True,
        }


def _element(catalogue: Catalogue, subject: Subject, tile: Tile) -> dict[str, Any]:
    def whole(name: str) -> str:
        return f"{tile.mart}.{name}"

    drawn = series(catalogue.mart(tile.mart), tile) and tile.type in _DRAWN
    return {
        "title": tile.title,
        "name": tile.title,
        "model": catalogue.project,
        "explore": _explore(subject, tile.mart),
        "type": tile.type,
        "fields": [whole(name) for name in tile.fields],
        **({"pivots": [whole(name) for name in tile.pivots]} if tile.pivots else {}),
        **({"filters": {whole(name): value for name, value in tile.filters.items()}} if tile.filters else {}),
        **({"sorts": [whole(name) for name in tile.sorts]} if tile.sorts else {}),
        "limit": _LONGEST if drawn else _LIMIT,
        **({"x_axis_scale": "time"} if drawn else {}),
        "listen": dict(_listens(catalogue.mart(tile.mart))),
    }


def _listens(mart: Mart) -> Iterator[tuple[str, str]]:
    if when := period(mart):
        yield "Period", when
    if mart.has("tenant_id"):
        yield "Tenant", f"{mart.name}.tenant_id"


def _places(sizes: Sequence[tuple[int, int]]) -> Iterator[dict[str, int]]:
    """Where tiles of these sizes go, from left to right and then down."""
    row = column = tallest = 0
    for width, height in sizes:
        if column + width > _GRID:
            row, column, tallest = row + tallest, 0, 0
        yield {"row": row, "col": column, "width": width, "height": height}
        column, tallest = column + width, max(tallest, height)


def _yaml(head: Mapping[str, str], body: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """A list of one dashboard: every value as JSON, which YAML reads."""
    for number, (name, value) in enumerate(head.items()):
        yield f"{'  ' if number else '- '}{name}: {_value(value)}"
    for name, items in body.items():
        yield f"  {name}:"
        for item in items:
            for number, (key, value) in enumerate(item.items()):
                yield f"  {'  ' if number else '- '}{key}: {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, str) and value.replace("_", "").replace(".", "").replace("-", "").isalnum():
        return value
    return json.dumps(value, ensure_ascii=False)
