"""The warehouse that got histories in portions, held against a full refresh and against the reference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from tests.dbt.histories import many
from tests.dbt.reference.comparison import differences
from tests.dbt.reference.sessions import SessionKey
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.tables import Table, tables
from tests.dbt.running import Row, Warehouse

#: Every table that an incremental run changes.
STORED = (
    "staging.stg_records",
    "intermediate.int_learner_stretches",
    "intermediate.int_session_events",
    "intermediate.int_sessions",
    "intermediate.int_session_days",
    "intermediate.int_session_contents",
    "intermediate.int_mastery_evidence",
    "analytics.minute_metrics",
    "analytics.mastery_deltas",
    "analytics.content_performance",
    "analytics.data_quality_daily",
    "analytics.pipeline_latency",
)
#: What a run may have reached when it ended: all of it, or a model in between.
SELECTIONS = (
    *(
        (),
        (),
        ("--select", "+stg_records"),
        ("--select", "+int_learner_stretches"),
        ("--select", "+int_session_events"),
    ),
    *(("--select", "+int_mastery_evidence"), ("--select", "+minute_metrics", "+content_performance")),
)
#: The views of the last days must show every day of the histories.
_VIEWS = {"realtime_view_days": 40_000}
#: Columns that the reference has no figures for: when a row was loaded, and what is asked of the clock on reading.
_NOT_COMPARED = frozenset(("_loaded_at", "is_active"))
_KEYS = """
    select distinct session_key, tenant_id, learner_id, session_id, session_start
    from intermediate.int_session_events
"""


def in_portions(warehouse: Warehouse, portions: Iterable[list[Row]], random: Random, **variables: object) -> None:
    """Load one after the other, run dbt after each, and once more at the end."""
    given = ("--vars", json.dumps(_VIEWS | variables))
    warehouse.create()
    warehouse.dbt("seed", *given)
    for rows in portions:
        warehouse.load(rows)
        warehouse.dbt("run", *random.choice(SELECTIONS), *given)
    warehouse.dbt("run", *given)


def against_a_full_refresh(warehouse: Warehouse, **variables: object) -> Iterator[str]:
    """A sentence for each row that a full refresh over the same raw rows has not, or has too."""
    incremental = {name: _rows(warehouse, name) for name in STORED}
    warehouse.dbt("run", "--full-refresh", "--vars", json.dumps(_VIEWS | variables))
    for name in STORED:
        refreshed = _rows(warehouse, name)
        if incremental[name] != refreshed:
            yield from (f"{name}: only incremental {row}" for row in incremental[name] if row not in refreshed)
            yield from (f"{name}: only refreshed {row}" for row in refreshed if row not in incremental[name])
            yield f"{name}: {len(incremental[name])} rows, refreshed {len(refreshed)}"


def against_the_reference(warehouse: Warehouse, rows: Iterable[Row], **variables: object) -> Iterator[str]:
    """A sentence for each row or figure that the reference, which knows nothing of the SQL, says otherwise."""
    keys = {key: SessionKey(*rest) for key, *rest in warehouse.rows(_KEYS)}
    schemas = dict(warehouse.rows("select table_name, table_schema from information_schema.tables"))
    reference = tables(rows, Settings(**variables))  # type: ignore[arg-type]
    yield from unknown_columns(warehouse, reference)
    for name, table in reference.items():
        found = warehouse.rows(f"select {', '.join(table.columns)} from {schemas[name]}.{name}")  # noqa: S608
        yield from (f"{name} {what}" for what in differences(table, _with_keys(table.columns, found, keys)))


def unknown_columns(warehouse: Warehouse, reference: Mapping[str, Table]) -> Iterator[str]:
    """A sentence for each column of a mart that the reference has not: its figures would be held against nothing."""
    marts = {name: table.columns for name, table in reference.items()}
    marts["session_metrics"] = marts["int_sessions"]
    found = warehouse.rows("select table_schema, table_name, column_name from information_schema.columns")
    for schema, name, column in found:
        if schema == "analytics" and name in marts and column not in {*marts[name], *_NOT_COMPARED}:
            yield f"{name}: {column} is not in the reference: add it in tests/dbt/reference"


def compared(folder: Path, seeds: Sequence[int], **variables: object) -> list[str]:
    """Everything that differs for these histories, side by side in one warehouse; nothing if all is well."""
    portions = many(seeds)
    warehouse = Warehouse(folder)
    in_portions(warehouse, portions, Random(seeds[0]), **variables)  # noqa: S311
    rows = [row for portion in portions for row in portion]
    return [*against_the_reference(warehouse, rows, **variables), *against_a_full_refresh(warehouse, **variables)]


def _rows(warehouse: Warehouse, name: str) -> list[tuple]:
    """A table in a fixed order. A stretch may say later than it need when it was touched: earlier copies come."""
    columns = "* exclude (_loaded_at)" if name.endswith("int_learner_stretches") else "*"
    return warehouse.rows(f"select {columns} from {name} order by all")  # noqa: S608


def _with_keys(columns: Sequence[str], rows: list[tuple], keys: dict[str, SessionKey]) -> Iterator[tuple]:
    if "session_key" not in columns:
        yield from rows
        return
    place = columns.index("session_key")
    yield from ((*row[:place], keys.get(row[place], row[place]), *row[place + 1 :]) for row in rows)
