"""What is said of a mart: its columns, its key, its figures, its joins. The vocabulary of `ingest lookml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ingest.errors import InputError

#: What a contract's types begin with, and what Looker calls their dimensions.
_KINDS: Final = {
    **dict.fromkeys(("varchar", "text", "string", "char"), "string"),
    **dict.fromkeys(
        ("bigint", "integer", "int", "smallint", "double", "float", "decimal", "numeric", "number"), "number"
    ),
    **dict.fromkeys(("timestamp", "timestamp_ntz", "timestamp_ltz", "timestamp_tz", "datetime"), "timestamp"),
    **dict.fromkeys(("boolean", "bool"), "yesno"),
    "date": "date",
}
#: What stands between the parts of a key, here as in dbt's entities and measures: character 31, the unit separator,
#: which nobody types into an id. With a colon, `a:b` and `c` would be `a` and `b:c`.
SEPARATOR: Final = " || chr(31) || "
_WORD: Final = re.compile(r"'[^']*'|[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its contract; by its meta the unit of its figures, and whether it is personal or tells of now."""

    name: str
    data_type: str
    description: str
    never_null: bool
    unit: str | None = None
    is_personal: bool = False
    computed_on_reading: bool = False

    @property
    def kind(self) -> str:
        """`string`, `number`, `yesno`, `date` or `timestamp`. Raises `InputError` for a type that has none."""
        try:
            return _KINDS[self.data_type.lower().partition("(")[0].strip()]
        except KeyError:
            raise InputError(
                f"column {self.name} is of type {self.data_type!r}, for which LookML has no dimension",
                "Give it another type in the model's yml, or leave the column out of the mart.",
            ) from None

    @property
    def is_time(self) -> bool:
        """Looker makes a group of dimensions of it."""
        return self.kind in {"date", "timestamp"}

    @property
    def is_technical(self) -> bool:
        """The pipeline's own, no business of a reader."""
        return self.name.startswith("_")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A measure of dbt's semantic layer: `agg` over the SQL expression `expr`."""

    name: str
    agg: str
    expr: str


@dataclass(frozen=True, slots=True)
class Metric:
    """What dashboards show: one aggregate by name, or a ratio of two metrics of the same mart."""

    name: str
    label: str
    description: str
    unit: str | None
    aggregate: str | None
    ratio: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Entity:
    """What rows can be joined by: the mart's own key (`primary`, `unique`), or another's (`foreign`).

    `description` tells who joins the mart by it what to expect; "" where there is nothing to tell.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Mart:
    """A table that Looker may read. `key` names one row, `time` is the column that periods are of."""

    name: str
    relation: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    masked: frozenset[str]
    time: str | None
    aggregates: tuple[Aggregate, ...]
    metrics: tuple[Metric, ...]
    entities: tuple[Entity, ...]

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        return {column.name: column for column in self.columns}[name]

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return any(column.name == name for column in self.columns)

    def sql(self, expression: str) -> str:
        """An expression over the mart's columns, as LookML writes them; texts in quotes are left alone."""
        return _WORD.sub(lambda word: f"${{TABLE}}.{word[0]}" if self.has(word[0]) else word[0], expression)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a dashboard is about, and the marts that it reads, the first of which stands for it."""

    name: str
    label: str
    description: str
    marts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that LookML is made of. `schema` is where the marts are."""

    project: str
    schema: str
    marts: tuple[Mart, ...]
    subjects: tuple[Subject, ...]

    def mart(self, name: str) -> Mart:
        """The mart of that name. Raises KeyError."""
        return {mart.name: mart for mart in self.marts}[name]
