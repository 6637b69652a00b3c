"""The Snowflake set-up as SQL: templates filled in from the settings, so that each name and figure stands once. Pure.

Columns come from the schemas of objects. Each part may be run again at any time: it makes what is missing, sets
what is to be set, and replaces nothing that remembers anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import polars as pl

from ingest.events import SCHEMA
from ingest.jobs import JOB_SCHEMA
from ingest.tables import ALWAYS, SOMETIMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TYPES: Final[dict[pl.DataType | type[pl.DataType], str]] = {
    pl.String: "varchar",
    pl.Binary: "binary(67108864)",  # the most that Snowflake takes: a quarantined record is kept whatever its size
    pl.Int32: "number(10, 0)",
    pl.Int64: "number(19, 0)",
    pl.Datetime("us", "UTC"): "timestamp_ltz",
}
#: What is longer than the 16 MiB of a VARCHAR without a length.
_LONG: Final = {"data": "varchar(134217728)", "metadata": "varchar(134217728)"}
_ORIGIN: Final = {"_file": "varchar", "_file_row": "number(19, 0)", "_loaded_at": "timestamp_ltz"}

#: Column names and Snowflake types of RAW.RAW_EVENTS and RAW.JOB_RUNS, in order.
RAW_EVENTS: Final[dict[str, str]] = {
    **{name: _LONG.get(name, _TYPES[kind]) + " not null" * (name in ALWAYS) for name, kind in SCHEMA.items()},
    **{name: f"{kind} not null" for name, kind in _ORIGIN.items()},
}
JOB_RUNS: Final[dict[str, str]] = {
    **{name: _TYPES[kind] + " not null" * (name not in SOMETIMES) for name, kind in JOB_SCHEMA.items()},
    **{name: f"{kind} not null" for name, kind in _ORIGIN.items()},
}
#: Those of RAW.RECORDS: where a record is and when it was, never whose or what.
RECORDS: Final = tuple(
    name for name, kind in RAW_EVENTS.items() if kind.startswith("timestamp") or (name[0] == "_" and name != "_raw")
)

#: Which keys a pipe takes, below the stage: chains and what was recovered from quarantine; job records.
EVENTS_PATTERN: Final = ".*partition=[0-9]{5}/[0-9]{20}(-[0-9]{4})?[.]parquet"
JOBS_PATTERN: Final = ".*_jobs/[a-z]+/[A-Za-z0-9-]+/[0-9]{6}[.]parquet"

#: The parts, in the order in which they are run.
PARTS: Final = (
    "01_account",
    "02_database",
    "03_raw",
    "04_grants",
    "05_pipes",
    "06_retention",
    "07_privacy",
)
#: Parts that are run instead of another, or to take everything away.
OTHER_PARTS: Final = ("06_retention_task", "teardown")
_ENTERPRISE: Final = frozenset(("07_privacy",))
_PLACE: Final = re.compile(r"\{\{ (\w+) \}\}")


@dataclass(frozen=True, slots=True)
class Names:
    """What everything is called. `prefix` begins the names that an account has only once."""

    prefix: str
    database: str

    def __getitem__(self, name: str) -> str:
        """The name of one thing. Raises KeyError."""
        return self.all()[name]

    def all(self) -> dict[str, str]:
        """Every name by what it is the name of."""
        return {"database": self.database, **self._of_the_account(), **self._of_the_database()}

    def _of_the_account(self) -> dict[str, str]:
        endings = {
            **{role: role.upper() for role in ("loader", "transformer", "reporter", "monitor", "unmasked")},
            **{f"{what}_warehouse": f"{what.upper()}_WH" for what in ("transform", "report", "monitor")},
            **{f"{who}_user": who.upper() for who in ("dbt", "looker", "ingest")},
            "credits": "CREDITS",
            "storage_integration": "OBJECTS",
            "error_integration_name": "PIPE_ERRORS",
        }
        return {name: f"{self.prefix}_{ending}" for name, ending in endings.items()}

    def _of_the_database(self) -> dict[str, str]:
        raw = ("raw_events", "job_runs", "records", "raw_events_pipe", "job_runs_pipe", "retention_policy")
        places = {
            **{name: f"raw.{name}" for name in (*raw, "retention_task")},
            "file_format": "raw.parquet_objects",
            "stage": "raw.objects",
            **{name: f"privacy.{name}" for name in ("salt", "masking_policy", "row_policy", "tenant_access")},
        }
        return {name: f"{self.database}.{place.upper()}" for name, place in places.items()}


@dataclass(frozen=True, slots=True)
class Setup:
    """What the set-up is made of besides names. `stage_url` is the store's, with a slash at its end."""

    names: Names
    stage_url: str
    storage_role_arn: str
    error_topic_arn: str | None
    error_role_arn: str | None
    enterprise: bool
    credit_quota: int
    raw_retention_months: int

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that this account can run, in order."""
        return tuple(part for part in PARTS if self.enterprise or part not in _ENTERPRISE)

    def render(self, part: str) -> str:
        """One part, one of `PARTS` or `OTHER_PARTS`, as statements with a semicolon behind each."""
        return _filled(part, self._values())

    def copy_into(self, table: str) -> str:
        """The COPY INTO of the pipe of `raw_events` or `job_runs`, without a semicolon."""
        return self._copy(table, self.names.all())

    def pipe(self, table: str) -> str:
        """The CREATE PIPE IF NOT EXISTS of that table, without a semicolon."""
        statements = self.render("05_pipes").split(";")
        return next(one.strip() for one in statements if f"pipe if not exists {self.names[f'{table}_pipe']}\n" in one)

    def _values(self) -> dict[str, str]:
        given = {field.name: str(getattr(self, field.name)) for field in fields(self) if field.name != "names"}
        values = {**self.names.all(), **given, **_columns(), "time_travel_days": "7" if self.enterprise else "1"}
        notified = self.error_topic_arn is not None
        values["error_notifications"] = "".join(
            f"alter pipe {values[f'{table}_pipe']} set error_integration = {values['error_integration_name']};\n"
            for table in ("raw_events", "job_runs")
            if notified
        )
        for name, column in (("past_retention", "loaded_at"), ("past_retention_of_rows", "_loaded_at")):
            values[name] = _filled("past_retention", {**values, "column": column}).rstrip()
        values["error_integration"] = _filled("error_integration", values) if notified else ""
        for name in ("masked_learner_id", "visible_tenant"):
            values[name] = _filled(name, values).rstrip()
        for table in ("raw_events", "job_runs"):
            values[f"{table}_copy"] = self._copy(table, values)
        values["attach_retention_policy"] = "\n    ".join(
            _filled("attach_retention_policy", {**values, "table": values[table]}).rstrip()
            for table in ("raw_events", "job_runs")
        )
        return values

    def _copy(self, table: str, values: Mapping[str, str]) -> str:
        pattern = EVENTS_PATTERN if table == "raw_events" else JOBS_PATTERN
        return _filled("copy", {**values, "table": values[table], "pattern": pattern}).rstrip()


def _columns() -> dict[str, str]:
    return {
        "raw_events_columns": _lines(f"{name} {kind}" for name, kind in RAW_EVENTS.items()),
        "job_runs_columns": _lines(f"{name} {kind}" for name, kind in JOB_RUNS.items()),
        "records_columns": _lines(RECORDS),
    }


def _lines(items: Iterable[str]) -> str:
    return ",\n    ".join(items)


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = files("ingest").joinpath(f"templates/snowflake/{template}.sql").read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: values[place[1]], text)
