"""dbt's manifest → the marts and subjects that LookML is made of. A mart is a public model of the project itself.

Columns come from the enforced contract, the key from the test `unique_rows`, figures and joins from the semantic
models, subjects from the exposures; what dbt masks is known by the hook that does it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import InputError
from ingest.lookml_marts import SEPARATOR, Aggregate, Catalogue, Column, Entity, Mart, Metric, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA: Final = "https://schemas.getdbt.com/dbt/manifest/v12.json"
_PARSE: Final = "cd dbt_project && dbt parse"
_MASK: Final = re.compile(r"\bmask\('(\w+)'\)")
_KEY: Final = re.compile(r"\w+(?: \|\| chr\(31\) \|\| \w+)*")

Node = dict[str, Any]


def read(path: Path) -> Catalogue:
    """What the manifest at `path` says. Raises `InputError` if it is none, of another dbt, or lacks something."""
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there: dbt's manifest", f"{_PARSE}; or name another: --manifest.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read as dbt's manifest ({error})", f"Write it anew: {_PARSE}") from error
    made_by = manifest.get("metadata", {}) if isinstance(manifest, dict) else {}
    if made_by.get("dbt_schema_version") != _SCHEMA:
        raise InputError(
            f"{path} is no manifest of version 12, which dbt 1.8 to 1.11 write, but "
            f"{made_by.get('dbt_schema_version', 'something else')} of dbt {made_by.get('dbt_version', 'unknown')}",
            f"Write it with this project's dbt: pip install '.[dbt]', then {_PARSE}",
        )
    try:
        return Manifest(manifest).catalogue()
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} lacks what dbt's manifests have ({error})", f"Write it anew: {_PARSE}") from error


class Manifest:
    """A manifest of version 12, and questions to it."""

    def __init__(self, manifest: Node) -> None:
        self._all = manifest
        self._project = str(manifest["metadata"].get("project_name"))
        self._tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]

    def catalogue(self) -> Catalogue:
        """The marts by name, and the subjects in the order of their names. Raises `InputError`."""
        nodes = sorted((node for node in self._all["nodes"].values() if self._is_mart(node)), key=_name)
        schemas = sorted({str(node["schema"]) for node in nodes})
        if len(schemas) != 1:
            raise InputError(
                f"the manifest's public models are in {len(schemas)} schemas {schemas}, and LookML is made for one",
                "Give the models of models/marts `access: public`, and one schema, in dbt_project.yml.",
            )
        marts = tuple(self._mart(node) for node in nodes)
        self._refuse_what_is_of_no_mart(marts)
        return Catalogue(self._project, schemas[0], marts, tuple(self._subjects({mart.name for mart in marts})))

    def _refuse_what_is_of_no_mart(self, marts: tuple[Mart, ...]) -> None:
        told = {metric.name for mart in marts for metric in mart.metrics}
        lost = sorted({node["name"] for node in self._all["metrics"].values()} - told)
        if lost:
            raise InputError(
                f"metric {lost[0]} rests on no mart, or is a ratio of two marts' figures",
                "Let a ratio be of two simple metrics of one mart's semantic model.",
            )

    def _is_mart(self, node: Node) -> bool:
        mine = node["resource_type"] == "model" and node["package_name"] == self._project
        return mine and node.get("access") == "public"

    def _mart(self, node: Node) -> Mart:
        name, semantic = str(node["name"]), self._semantic(node["unique_id"])
        aggregates = tuple(_aggregate(one, name) for one in semantic.get("measures", ()))
        hooks = " ".join(hook["sql"] for hook in node["config"].get("post-hook", ()))
        columns = tuple(self._columns(node))
        return Mart(
            name=name,
            relation=str(node["alias"]),
            description=_line(node["description"]),
            columns=columns,
            key=self._key(node),
            masked=frozenset(_MASK.findall(hooks)) & {column.name for column in columns},
            time=(semantic.get("defaults") or {}).get("agg_time_dimension"),
            aggregates=aggregates,
            metrics=tuple(self._metrics(semantic)),
            entities=tuple(_entity(one) for one in semantic.get("entities", ())),
        )

    def _columns(self, node: Node) -> Iterator[Column]:
        if not node["config"]["contract"]["enforced"]:
            raise InputError(
                f"mart {node['name']} promises no columns", "Add `contract: {enforced: true}` to its yml."
            )
        tested = {name for test in self._tests_of(node, "never_null") for name in test["columns"]}
        for column in node["columns"].values():
            promised = any(one["type"] == "not_null" for one in column["constraints"])
            meta = column["meta"]
            yield Column(
                name=column["name"],
                data_type=column["data_type"] or "nothing",
                description=_line(column["description"]),
                never_null=promised or column["name"] in tested,
                unit=meta.get("unit"),
                is_personal=bool(meta.get("personal")),
                computed_on_reading=bool(meta.get("computed_on_reading")),
            )

    def _key(self, node: Node) -> tuple[str, ...]:
        """The shortest of the keys that are tested."""
        keys = [tuple(test["key"]) for test in self._tests_of(node, "unique_rows")]
        if not keys:
            raise InputError(
                f"mart {node['name']} has no tested key, and Looker counts wrongly without one",
                "Add the data test unique_rows to its yml, with the columns that name one row.",
            )
        return min(keys, key=lambda key: (len(key), key))

    def _tests_of(self, node: Node, name: str) -> Iterator[Node]:
        for test in self._tests:
            known = test.get("test_metadata") or {}
            if test.get("attached_node") == node["unique_id"] and known.get("name") == name:
                yield known["kwargs"]

    def _semantic(self, model: str) -> Node:
        found = [one for one in self._all["semantic_models"].values() if model in one["depends_on"]["nodes"]]
        return found[0] if found else {}

    def _metrics(self, semantic: Node) -> Iterator[Metric]:
        """Those of one semantic model: simple ones in the order of its measures, then ratios by name."""
        order = [measure["name"] for measure in semantic.get("measures", ())]
        found = [_metric(node) for _, node in sorted(self._all["metrics"].items())]
        simple = sorted(
            (one for one in found if one.aggregate in order), key=lambda one: order.index(one.aggregate or "")
        )
        yield from simple
        names = {one.name for one in simple}
        yield from (one for one in found if one.ratio and names.issuperset(one.ratio))

    def _subjects(self, marts: set[str]) -> Iterator[Subject]:
        for _, node in sorted(self._all["exposures"].items()):
            read_by = tuple(one["name"] for one in node["refs"] if one["name"] in marts)
            if read_by:
                yield Subject(node["name"], node["label"] or node["name"], _line(node["description"]), read_by)


def _aggregate(node: Node, mart: str) -> Aggregate:
    if node["non_additive_dimension"] or node["agg_params"]:
        raise InputError(
            f"measure {node['name']} of {mart} is a percentile or not additive, which `ingest lookml` can't say",
            "Take it out of the semantic model, and write it by hand in looker/refinements.",
        )
    return Aggregate(node["name"], node["agg"], node["expr"] or node["name"])


def _metric(node: Node) -> Metric:
    kind, given = node["type"], node["type_params"]
    inputs = [given[part] for part in ("measure", "numerator", "denominator") if given[part]]
    if kind not in {"simple", "ratio"} or node["filter"] or any(one["filter"] for one in inputs):
        raise InputError(
            f"metric {node['name']} is {kind}{' with a filter' * (kind in {'simple', 'ratio'})}; LookML is made of "
            "simple metrics and ratios without filters",
            "Put the condition into a measure of the semantic model, or write it by hand in looker/refinements.",
        )
    named = [str(one["name"]) for one in inputs]
    simple = kind == "simple"
    return Metric(
        name=node["name"],
        label=node["label"],
        description=_line(node["description"]),
        unit=node["config"]["meta"].get("unit"),
        aggregate=named[0] if simple else None,
        ratio=None if simple else (named[0], named[1]),
    )


def _entity(node: Node) -> Entity:
    written = node["expr"] or node["name"]
    columns = tuple(written.split(SEPARATOR)) if _KEY.fullmatch(written) else ()
    return Entity(node["name"], node["type"], columns, _line(node["description"] or ""))


def _line(text: str) -> str:
    return " ".join(text.split())


def _name(node: Node) -> str:
    return str(node["name"])
