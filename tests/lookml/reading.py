"""A LookML project as it stands in a folder: its parts by name, and whether all that they name is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import lkml
import yaml

from tests.lookml import grammar

LookML = dict[str, Any]
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_CONSTANT = re.compile(r"@\{(\w+)\}")


def unescaped(content: Any) -> Any:
    """What lkml has loaded, with quotes in texts as they are meant: it puts a backslash before each, and keeps it."""
    if isinstance(content, dict):
        return {name: unescaped(value) for name, value in content.items()}
    if isinstance(content, list):
        return [unescaped(one) for one in content]
    return content.replace('\\"', '"') if isinstance(content, str) else content


@dataclass(frozen=True)
class Project:
    folder: Path

    @cached_property
    def texts(self) -> dict[str, str]:
        return {path.relative_to(self.folder).as_posix(): path.read_text() for path in self.folder.rglob("*.l*k*ml")}

    @cached_property
    def files(self) -> dict[str, LookML]:
        return {path: unescaped(lkml.load(text)) for path, text in self.texts.items() if path.endswith(".lkml")}

    @cached_property
    def views(self) -> dict[str, LookML]:
        found = [one for path, file in self.files.items() if "views/" in path for one in file["views"]]
        return {one["name"]: one for one in found}

    @cached_property
    def explores(self) -> dict[str, LookML]:
        found = [one for path, file in self.files.items() if "explores/" in path for one in file["explores"]]
        return {one["name"]: one for one in found}

    @cached_property
    def dashboards(self) -> list[LookML]:
        texts = [text for path, text in self.texts.items() if path.endswith(".dashboard.lookml")]
        return [one for text in texts for one in yaml.safe_load(text)]

    def fields(self, view: str) -> list[str]:
        """Every name that a field of the view goes by."""
        one = self.views.get(view, {})
        plain = [field["name"] for kind in ("dimensions", "measures") for field in one.get(kind, [])]
        groups = one.get("dimension_groups", [])
        return plain + [f"{group['name']}_{frame}" for group in groups for frame in group["timeframes"]]

    def views_of(self, explore: str) -> list[str]:
        """The explore's own view, then those joined."""
        one = self.explores[explore]
        return [one.get("view_name", explore), *(join["name"] for join in one.get("joins", []))]

    def reach(self, explore: str) -> set[str]:
        """Every `view.field` that the explore has."""
        return {f"{view}.{name}" for view in self.views_of(explore) for name in self.fields(view)}

    # --- what is wrong ---------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """All that Looker would refuse, as far as the grammar and these rules know."""
        return [
            *self._illegal(),
            *(fault for name in self.views for fault in self._view_faults(name)),
            *(fault for name in self.explores for fault in self._explore_faults(name)),
            *(fault for one in self.dashboards for fault in self._dashboard_faults(one)),
            *self._loose(),
        ]

    def _illegal(self) -> Iterator[str]:
        for path, content in self.files.items():
            if path.startswith("refinements/") and path.endswith(".view.lkml"):
                yield from grammar.REFINEMENT.faults(content, path)
            else:
                ending = next(ending for ending in grammar.FILES if path.endswith(ending))
                yield from grammar.FILES[ending].faults(content, path)
        for one in self.dashboards:
            yield from grammar.DASHBOARD.faults(one, f"dashboard {one['dashboard']}")

    def _view_faults(self, view: str) -> Iterator[str]:
        one, fields = self.views[view], self.fields(view)
        yield from (f"{view}.{name}: twice" for name in set(fields) if fields.count(name) > 1)
        yield from (f"{view}.{name}: a reserved word" for name in fields if name in grammar.RESERVED)
        keys = [field["name"] for field in one["dimensions"] if field.get("primary_key") == "yes"]
        yield from [] if len(keys) == 1 else [f"{view}: {len(keys)} primary keys"]
        known = {*fields, *(f"{listed['name']}*" for listed in one.get("sets", []))}
        lists = [*(one.get("sets", [])), *({"fields": m.get("drill_fields", [])} for m in one.get("measures", []))]
        yield from (f"{view}: no field {name}" for listed in lists for name in listed["fields"] if name not in known)
        for group in one.get("dimension_groups", []):
            wrong = set(group["timeframes"]) - grammar.TIMEFRAMES_OF_A_DATE if group["datatype"] == "date" else set()
            yield from (f"{view}.{group['name']}: a date has no {frame}" for frame in sorted(wrong))
        yield from self._measure_faults(view)

    def _measure_faults(self, view: str) -> Iterator[str]:
        names = {measure["name"] for measure in self.views[view].get("measures", [])}
        for measure in self.views[view].get("measures", []):
            where = f"{view}.{measure['name']}"
            if ("sql" in measure) != (measure["type"] != "count"):
                yield f"{where}: a {measure['type']} {'without' if 'sql' not in measure else 'with'} sql"
            for reference in _REFERENCE.findall(measure.get("sql", "")):
                number = measure["type"] == "number"
                fine = reference in names if number else reference in ("TABLE", *(set(self.fields(view)) - names))
                yield from (
                    [] if fine else [f"{where}: ${{{reference}}} is nothing that a {measure['type']} can be of"]
                )

    def _explore_faults(self, explore: str) -> Iterator[str]:
        one = self.explores[explore]
        for view in self.views_of(explore):
            if view not in self.views:
                yield f"explore {explore}: no view {view}"
                return
        reach = self.reach(explore)
        for join in one.get("joins", []):
            used = _REFERENCE.findall(join["sql_on"])
            yield from (f"explore {explore}: no field {name} to join by" for name in used if name not in reach)
            if join["name"] not in {name.partition(".")[0] for name in used}:
                yield f"explore {explore}: the join does not name {join['name']}"
        conditions = one.get("conditionally_filter", {})
        used = [name for kind in (one.get("always_filter", {}), conditions) for name in _filtered(kind)]
        used += conditions.get("unless", [])
        yield from (f"explore {explore}: no field {name} to filter by" for name in used if name not in reach)

    @cached_property
    def datagroups(self) -> dict[str, LookML]:
        found = [one for path, file in self.files.items() if "model" in path for one in file.get("datagroups", [])]
        return {one["name"]: one for one in found}

    def _dashboard_faults(self, one: LookML) -> Iterator[str]:
        name = one["dashboard"]
        filters = {filter_["name"]: filter_ for filter_ in one["filters"]}
        for filter_ in filters.values():
            if "field" in filter_ and filter_["field"] not in self.reach(filter_["explore"]):
                yield f"dashboard {name}: no field {filter_['field']} to filter by"
        names = [tile["name"] for tile in one["elements"]]
        yield from (f"dashboard {name}: two tiles are {title}" for title in set(names) if names.count(title) > 1)
        for tile in one["elements"]:
            if tile["explore"] not in self.explores:
                yield f"dashboard {name}: no explore {tile['explore']}"
                continue
            sorts = [sort.removesuffix(" desc") for sort in tile.get("sorts", [])]
            used = [*tile["fields"], *tile.get("filters", {}), *tile["listen"].values()]
            reach = self.reach(tile["explore"])
            yield from (f"dashboard {name}: no field {field}" for field in used if field not in reach)
            shown = [*tile.get("pivots", []), *sorts]
            yield from (f"dashboard {name}: {field} is not shown" for field in shown if field not in tile["fields"])
            yield from (f"dashboard {name}: no filter {heard}" for heard in tile["listen"] if heard not in filters)

    def _loose(self) -> Iterator[str]:
        """Constants, files and rules of the cache that are named, and not there; names that are there twice."""
        for content in (*self.files.values(), *self.explores.values()):
            if (kept := content.get("persist_with", "")) not in ("", *self.datagroups):
                yield f"no datagroup {kept}"
        constants = {one["name"] for one in self.files["manifest.lkml"]["constants"]}
        for path, text in self.texts.items():
            yield from (f"{path}: no constant {name}" for name in _CONSTANT.findall(text) if name not in constants)
            for pattern in self.files.get(path, {}).get("includes", []):
                if not list(self.folder.glob(pattern.removeprefix("/"))):
                    yield f"{path}: nothing is {pattern}"
            for refined in self.files.get(path, {}).get("views", []):
                if refined["name"].startswith("+") and refined["name"][1:] not in self.views:
                    yield f"{path}: no view {refined['name'][1:]} to refine"


def _filtered(block: LookML) -> Iterator[str]:
    for group in block.get("filters__all", []):
        for one in group:
            yield from one
