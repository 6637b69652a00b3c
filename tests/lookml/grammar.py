"""LookML as far as this project uses it: which parameters a block may have, which it must, and with which values.

Written down from Looker's reference (cloud.google.com/looker/docs/reference), since lkml knows syntax alone. A
parameter that is not here is a fault, even where Looker has it: whoever begins to use it looks it up first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Check = Callable[[Any], bool]

#: Words that Snowflake reserves, and those that LookML gives a meaning of its own.
RESERVED = frozenset(
    """account all alter and any as between by case cast check column connect connection constraint create cross
    current current_date current_time current_timestamp current_user database delete distinct drop else exists false
    following for from full grant group gscluster having ilike in increment inner insert intersect into is issue join
    lateral left like localtime localtimestamp minus natural not null of on or order organization qualify regexp
    revoke right rlike row rows sample schema select set some start table tablesample then to trigger true try_cast
    union unique update using values view when whenever where with
    sql_table_name all_fields extended""".split()  # noqa: SIM905 - a list of words reads better as one text
)

TIMEFRAMES = frozenset(
    """raw time time_of_day millisecond second minute hour hour_of_day date day_of_week day_of_week_index day_of_month
    day_of_year week week_of_year month month_num month_name quarter quarter_of_year year yesno""".split()  # noqa: SIM905
)
#: A date has no time of day to be cut by.
TIMEFRAMES_OF_A_DATE = TIMEFRAMES - {
    *("time", "time_of_day", "millisecond", "second", "minute", "hour", "hour_of_day")
}
VALUE_FORMATS = frozenset(
    [f"{kind}_{digits}" for kind in ("decimal", "percent", "usd", "gbp", "eur") for digits in range(5)] + ["id"]
)


def words(*allowed: str) -> Check:
    return lambda value: value in allowed


def matching(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.S) is not None


def listed(check: Check) -> Check:
    return lambda value: isinstance(value, list) and bool(value) and all(map(check, value))


IDENTIFIER = matching(r"[a-z][a-z0-9_]*")
FIELD = matching(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
YES = words("yes", "no")
TEXT = matching(r"\S.*")
SQL = matching(r"[^;]*\S")
PATH = matching(r"/[\w*/]+\.(view\.lkml|explore\.lkml|lkml|dashboard\.lookml)")


@dataclass(frozen=True)
class Block:
    """A kind of block: parameters that it must and may have, and blocks within it, by lkml's names for them."""

    must: dict[str, Check] = field(default_factory=dict)
    may: dict[str, Check] = field(default_factory=dict)
    within: dict[str, Block] = field(default_factory=dict)

    def faults(self, content: dict[str, Any], where: str) -> Iterator[str]:
        """What is not as it must be, each in a line."""
        yield from (f"{where}: {name} is missing" for name in self.must if name not in content)
        for name, value in content.items():
            if name in self.within:
                inner = value if isinstance(value, list) else [value]
                for one in inner:
                    yield from self.within[name].faults(one, f"{where}.{one.get('name', name)}")
            elif check := {**self.must, **self.may}.get(name):
                yield from [] if check(value) else [f"{where}: {name} can't be {value!r}"]
            else:
                yield f"{where}: {name} is no parameter here"


def filters(value: Any) -> bool:
    """What lkml makes of `filters: [field: "expression"]`."""
    flat = [pair for group in value for one in group for pair in one.items()]
    return bool(flat) and all(FIELD(name) and isinstance(text, str) for name, text in flat)


FORMAT = {"value_format_name": words(*VALUE_FORMATS), "value_format": matching(r'[#0,.]+("[^"]+")?')}
DIMENSION = Block(
    must={
        "name": IDENTIFIER,
        "type": words("string", "number", "yesno", "tier", "date", "date_time", "zipcode"),
        "sql": SQL,
        "description": TEXT,
    },
    may={"label": TEXT, "hidden": YES, "primary_key": words("yes"), **FORMAT},
)
DIMENSION_GROUP = Block(
    must={
        "name": IDENTIFIER,
        "type": words("time"),
        "timeframes": listed(words(*TIMEFRAMES)),
        "convert_tz": YES,
        "datatype": words("epoch", "date", "datetime", "timestamp", "yyyymmdd"),
        "sql": SQL,
        "description": TEXT,
    },
    may={"label": TEXT, "hidden": YES},
)
MEASURE = Block(
    must={
        "name": IDENTIFIER,
        "type": words("average", "count", "count_distinct", "max", "median", "min", "number", "sum"),
        "label": TEXT,
        "description": TEXT,
    },
    may={"sql": SQL, "hidden": YES, "drill_fields": listed(matching(r"[a-z][a-z0-9_]*\*?")), **FORMAT},
)
SET = Block(must={"name": IDENTIFIER, "fields": listed(IDENTIFIER)})
VIEW = Block(
    must={"name": IDENTIFIER, "sql_table_name": SQL, "description": TEXT},
    may={"label": TEXT},
    within={"dimensions": DIMENSION, "dimension_groups": DIMENSION_GROUP, "measures": MEASURE, "sets": SET},
)
JOIN = Block(
    must={
        "name": IDENTIFIER,
        "type": words("left_outer", "inner", "full_outer", "cross"),
        "relationship": words("many_to_one", "one_to_one", "one_to_many", "many_to_many"),
        "sql_on": SQL,
    }
)
EXPLORE = Block(
    must={"name": IDENTIFIER, "label": TEXT, "group_label": TEXT, "description": TEXT},
    may={"view_name": IDENTIFIER, "persist_with": IDENTIFIER},
    within={
        "always_filter": Block(must={"filters__all": filters}),
        "conditionally_filter": Block(must={"filters__all": filters}, may={"unless": listed(FIELD)}),
        "joins": JOIN,
    },
)
INCLUDES = {"includes": listed(PATH)}
REFINEMENT = Block(within={"views": Block(must={"name": matching(r"\+[a-z][a-z0-9_]*")})}, may=INCLUDES)
CONSTANT = Block(
    must={"name": IDENTIFIER, "value": TEXT, "export": words("none", "override_optional", "override_required")}
)
#: By the ending of a file's name.
FILES = {
    "manifest.lkml": Block(must={"project_name": IDENTIFIER}, within={"constants": CONSTANT}),
    ".model.lkml": Block(
        must={"connection": TEXT, "label": TEXT, **INCLUDES},
        may={"persist_with": IDENTIFIER},
        within={
            "datagroups": Block(
                must={"name": IDENTIFIER, "max_cache_age": matching(r"\d+ (second|minute|hour)s?")},
                may={"sql_trigger": SQL},
            )
        },
    ),
    ".explore.lkml": Block(must=INCLUDES, within={"explores": EXPLORE}),
    "explores.lkml": Block(may=INCLUDES, within={"explores": EXPLORE}),
    ".view.lkml": Block(within={"views": VIEW}),
}

NUMBER: Check = lambda value: type(value) is int and value >= 0  # noqa: E731
ELEMENT = Block(
    must={
        "title": TEXT,
        "name": TEXT,
        "model": IDENTIFIER,
        "explore": IDENTIFIER,
        "type": words(
            *("single_value", "looker_line", "looker_column", "looker_bar", "looker_area", "looker_grid", "table")
        ),
        "fields": listed(FIELD),
        "limit": NUMBER,
        "listen": lambda value: isinstance(value, dict) and all(map(FIELD, value.values())),
        **dict.fromkeys(("row", "col", "width", "height"), NUMBER),
    },
    may={
        "pivots": listed(FIELD),
        "sorts": listed(matching(r"[a-z0-9_]+\.[a-z0-9_]+( desc)?")),
        "filters": lambda value: isinstance(value, dict) and all(map(FIELD, value)),
        "x_axis_scale": words("auto", "ordinal", "linear", "time"),
    },
)
DASHBOARD = Block(
    must={
        "dashboard": IDENTIFIER,
        "title": TEXT,
        "description": TEXT,
        "layout": words("newspaper", "grid", "static", "tile"),
    },
    may={"preferred_viewer": words("dashboards", "dashboards-next")},
    within={
        "filters": Block(
            must={"name": TEXT, "title": TEXT, "type": words("field_filter", "date_filter", "string_filter")},
            may={
                "model": IDENTIFIER,
                "explore": IDENTIFIER,
                "field": FIELD,
                "default_value": lambda value: isinstance(value, str),
                "allow_multiple_values": lambda value: isinstance(value, bool),
            },
        ),
        "elements": ELEMENT,
    },
)
