"""What `ingest snowflake check` asks: whether Snowflake is set up as rendered, and what its pipes load is right."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from ingest import ddl
from ingest.doctor import Check, Finding, failed, ok, skipped, warning
from ingest.errors import WarehouseUnseen
from ingest.layout import LOADED, kind_of
from ingest.pipe_admin import SnowflakePipe
from ingest.snowpipe import LoadState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from ingest.chain import Entry, Store
    from ingest.snowflake import Snowflake
    from ingest.snowpipe import Load, Pipe, Snowpipe

#: Which columns each table of schema RAW has to have.
_COLUMNS: Final[dict[str, Mapping[str, str]]] = {"raw_events": ddl.RAW_EVENTS, "job_runs": ddl.JOB_RUNS}
#: Snowpipe loads within minutes; after this long an object has been passed over.
LATE: Final = timedelta(minutes=30)
_ROWS: Final = ("records", "job_runs")
_USAGE: Final = timedelta(days=7)
#: Objects smaller than this, and many of them: each costs a request and a look, and Snowflake advises 100 times more.
_SMALL: Final = 1 << 20
_MANY: Final = 5000
_SHOWN: Final = 3
_TIMES: Final = ("occurred_at", "sent_at", "published_at", "_kafka_timestamp", "_ingested_at")
_ASK_WHO: Final = """
    select current_user(), current_role(), current_warehouse(), current_region(), current_secondary_roles()
"""
_ASK_COLUMNS: Final = """
    select lower(column_name), lower(data_type)
    from {database}.information_schema.columns
    where table_schema = 'RAW' and table_name = %s
"""
_ASK_NEWEST: Final = "select max_by(_file, _loaded_at) from {records}"
_ASK_TIMES: Final = """
    select {times}
    from {records}
    where _file in (%s, %s)
    order by _file_row
"""
_DOCS: Final = "docs/snowflake.md has the steps."


class SnowflakeCheckup:
    """The questions, which share what they learn. `session` is entered already; `now` answers the time in UTC.

    Rows of objects that were stored before `horizon` may be gone.
    """

    def __init__(
        self,
        setup: ddl.Setup,
        session: Snowflake,
        pipes: Snowpipe,
        store: Store,
        now: Callable[[], datetime],
        horizon: datetime,
    ) -> None:
        self._setup, self._session, self._snowpipe, self._store, self._now = setup, session, pipes, store, now
        self._horizon = horizon
        self._pipes: dict[str, Pipe] = {}
        self._loads: dict[str, list[Load]] = {}

    def checks(self) -> Iterable[Check]:
        """All of them, in order."""
        yield Check("sign-in", self.sign_in)
        for table in _COLUMNS:
            yield Check(f"table {table}", partial(self.table, table), ("sign-in",))
        yield Check("file format", self.file_format, ("sign-in",))
        yield Check("stage", self.stage, ("sign-in",))
        yield Check("pipes", self.pipes, ("sign-in",))
        for table in _COLUMNS:
            yield Check(f"pipe {table}: definition", partial(self.definition, table), ("pipes",))
            yield Check(f"pipe {table}: state", partial(self.state, table), ("pipes",))
            yield Check(f"pipe {table}: errors", partial(self.errors, table), ("pipes",))
            yield Check(f"pipe {table}: cost", partial(self.cost, table), ("pipes",))
        yield Check("objects", self.objects, tuple(f"pipe {table}: errors" for table in _COLUMNS))
        yield Check("times", self.times, ("table raw_events", "objects"))

    def sign_in(self) -> Finding:
        """Whether this user gets in, with a role and a warehouse."""
        ((user, role, warehouse, region, others),) = self._session.select(_ASK_WHO)
        if warehouse is None:
            return failed(f"{user} has no warehouse", "Set SNOWFLAKE_WAREHOUSE, or the user's default_warehouse.")
        if json.loads(others or "{}").get("roles"):
            return warning(
                f"{user} has {json.loads(others)['roles']} beside {role}: policies see every role of a session",
                f"alter user {user} set default_secondary_roles = ();",
            )
        return ok(f"{self._session.where} in {region}: user {user}, role {role}, warehouse {warehouse}")

    def table(self, table: str) -> Finding:
        """Whether the table has the columns that objects have, of types that hold them."""
        question = _ASK_COLUMNS.format(database=self._setup.names.database)
        found = dict(self._session.select(question, [table.upper()]))
        name = self._setup.names[table]
        if not found:
            return failed(f"{name} is not there, or not to be seen", "Run part 03_raw of `ingest snowflake render`.")
        missing = [column for column in _COLUMNS[table] if column not in found]
        if missing:
            add = (
                f"alter table {name} add column {missing[0]} {_COLUMNS[table][missing[0]].removesuffix(' not null')};"
            )
            return failed(f"{name} lacks {', '.join(missing)}", add)
        wrong = [one for one, kind in _COLUMNS[table].items() if _is_zoneless(found[one]) and kind.startswith("time")]
        if wrong:
            said = f"{', '.join(wrong)} of {name} hold wall clock times, not instants"
            return failed(said, "They must be timestamp_ltz: make the table anew by part 03_raw, and load it again.")
        return ok(f"{name}: {len(_COLUMNS[table])} columns")

    def file_format(self) -> Finding:
        """Whether times of Parquet are read as times."""
        name = self._setup.names["file_format"]
        try:
            rows = self._session.records(f"describe file format {name}")
        except WarehouseUnseen:
            return skipped(f"this role may not see {name}; the check of times sees what it does")
        said = {row["property"]: row["property_value"] for row in rows}
        if said.get("USE_LOGICAL_TYPE", "false").lower() != "true":
            return failed(
                f"{name} has not USE_LOGICAL_TYPE = TRUE: times load as the year 55 million",
                f"alter file format {name} set use_logical_type = true; then load what was loaded so again.",
            )
        return ok(f"{name}: USE_LOGICAL_TYPE is on")

    def stage(self) -> Finding:
        """Whether the stage is where the consumer writes."""
        name = self._setup.names["stage"]
        try:
            rows = self._session.records(f"describe stage {name}")
        except WarehouseUnseen:
            return skipped(f"this role may not see {name}; the loader's may: SNOWFLAKE_ROLE")
        url = next((re.sub(r'[\[\]"]', "", row["property_value"]) for row in rows if row["property"] == "URL"), "")
        if url.rstrip("/") != self._setup.stage_url.rstrip("/"):
            return failed(
                f"{name} is {url or 'nowhere'}, and the store {self._setup.stage_url}", "Mend the stage, or --store."
            )
        return ok(f"{name} is {url}")

    def pipes(self) -> Finding:
        """Whether both pipes are there."""
        self._pipes = self._snowpipe.pipes()
        wanted = [self._bare(table) for table in _COLUMNS]
        missing = [name for name in wanted if name not in self._pipes]
        if missing:
            return failed(f"no pipe {', '.join(missing)}", "Run part 05_pipes of `ingest snowflake render`.")
        return ok(", ".join(f"{name} (notified by {self._pipes[name].channel})" for name in wanted))

    def definition(self, table: str) -> Finding:
        """Whether the pipe does what is rendered."""
        pipe = SnowflakePipe(table, self._setup, self._session, self._snowpipe, self._store, self._now)
        if not pipe.is_as_rendered():
            return warning("it is another than the rendered one", f"ingest snowflake replace-pipe {table}")
        wanted = self._setup.names["error_integration_name"] if self._setup.error_topic_arn else None
        errors = self._pipes[self._bare(table)].error_integration
        if errors != wanted:
            return warning(
                f"its errors go to {errors or 'nobody'}, not to {wanted or 'nobody'}",
                "Run part 05_pipes of `ingest snowflake render`, or unset error_integration of the pipe.",
            )
        return ok("as rendered")

    def state(self, table: str) -> Finding:
        """Whether the pipe runs, and has ever heard of an object."""
        state = self._snowpipe.state(table)
        name = self._setup.names[f"{table}_pipe"]
        if not state.running:
            return failed(
                f"{state.state}, {state.pending:,} objects wait" + (f": {state.error}" if state.error else ""),
                f"alter pipe {name} set pipe_execution_paused = false; or mend what it names. {_DOCS}",
            )
        if state.last_message is None:
            return warning(
                "no notification has ever come",
                "Does the bucket notify the pipe's queue? snowpipe_queue_arn of infra/aws. For what is there: "
                f"alter pipe {name} refresh;",
            )
        return ok(
            f"running, {state.pending:,} objects wait, last notified {_ago(self._now() - state.last_message)} ago"
        )

    def errors(self, table: str) -> Finding:
        """Whether an object could not be loaded, and has not been since."""
        loads = self._loads[table] = self._snowpipe.loads(table, self._now())
        last = {load.key: load for load in loads}
        wrong = [load for load in last.values() if load.state is LoadState.FAILED]
        if wrong:
            named = "; ".join(f"{load.key}: {load.error}" for load in wrong[-_SHOWN:])
            return failed(
                f"{len(wrong):,} of {len(last):,} objects could not be loaded: {named}",
                f"Mend the cause, then `ingest snowflake replace-pipe {table} --apply`: it copies what failed.",
            )
        return ok(f"none in {len(last):,} objects that Snowflake remembers")

    def cost(self, table: str) -> Finding:
        """What the pipe has taken lately, and whether its objects are large enough."""
        now = self._now()
        used = self._snowpipe.usage(table, now - _USAGE, now)
        if not used.objects:
            return ok(f"nothing in {_USAGE.days} days")
        size = used.nbytes / used.objects
        said = (
            f"{used.credits:,.2f} credits in {_USAGE.days} days: {used.objects:,} objects of {size / 1e6:,.2f} MB "
            f"on average, {used.nbytes / 1e9:,.2f} GB"
        )
        if table == "raw_events" and size < _SMALL and used.objects > _MANY:
            return warning(said, "Larger objects load faster: raise BATCH_SIZE or FLUSH_INTERVAL_SECONDS.")
        return ok(said)

    def objects(self) -> Finding:
        """Whether every object of the store has been loaded, but for the newest."""
        loaded = {load.key for loads in self._loads.values() for load in loads}
        for table in _ROWS:
            loaded |= {self._snowpipe.key_of(file) for (file,) in self._session.select(self._files(table))}
        ours = [one for one in self._store.list() if kind_of(one.key) in LOADED and not self._is_past(one)]
        waiting = [one for one in ours if one.key not in loaded]
        late = [one for one in waiting if self._is_late(one)]
        if late:
            return failed(
                f"{len(late):,} of {len(ours):,} objects have waited for longer than {LATE.seconds // 60} minutes, "
                f"the first {late[0].key}",
                "ingest snowflake replace-pipe raw_events --apply, and job_runs: it loads what is missing, once.",
            )
        return ok(f"{len(ours) - len(waiting):,} of {len(ours):,} loaded, {len(waiting):,} on their way")

    def times(self) -> Finding:
        """Whether the times of the newest loaded object are the same in the object and in the table."""
        ((file,),) = self._session.select(_ASK_NEWEST.format(records=self._setup.names["records"]))
        key = self._snowpipe.key_of(file) if file else None
        if key is None or key not in {one.key for one in self._store.list(key)}:
            return skipped("no object with rows is in the store")
        stored = pl.read_parquet(BytesIO(self._store.read(key)), columns=list(_TIMES))
        expected = stored.select(pl.col(_TIMES).dt.epoch("us")).rows()
        times = ", ".join(f"date_part(epoch_microsecond, {name})" for name in _TIMES)
        found = self._session.select(
            _ASK_TIMES.format(times=times, records=self._setup.names["records"]),
            [key, self._setup.stage_url.split("/", 3)[3] + key],
        )
        return _compared(key, expected, found)

    def _files(self, table: str) -> str:
        return f"select distinct _file from {self._setup.names[table]}"  # noqa: S608 - a name of ours

    def _is_past(self, one: Entry) -> bool:
        return one.modified is not None and one.modified < self._horizon

    def _bare(self, table: str) -> str:
        return self._setup.names[f"{table}_pipe"].rpartition(".")[2]

    def _is_late(self, one: Entry) -> bool:
        return one.modified is None or self._now() - one.modified > LATE


def _compared(key: str, expected: list[tuple[Any, ...]], found: list[tuple[Any, ...]]) -> Finding:
    if len(expected) != len(found):
        return failed(f"{key} has {len(expected):,} rows, the table {len(found):,} of it", "Run `ingest verify`.")
    for row, other in zip(expected, found, strict=True):
        for name, right, wrong in zip(_TIMES, row, other, strict=True):
            if right != (None if wrong is None else int(wrong)):
                apart = "no time" if None in (right, wrong) else f"{(int(wrong) - right) / 3.6e9:+,.1f} hours"
                return failed(
                    f"{name} of {key} is another in the table ({apart})",
                    "Is USE_LOGICAL_TYPE on, and are the columns timestamp_ltz? Load again what was loaded so.",
                )
    return ok(f"{len(expected) * len(_TIMES):,} times of {key} are the same in the table")


def _is_zoneless(kind: str) -> bool:
    return kind in ("timestamp_ntz", "timestamp without time zone", "text", "number")


def _ago(age: timedelta) -> str:
    seconds = max(age.total_seconds(), 0)
    return (
        f"{seconds:,.0f} s"
        if seconds < 120
        else f"{seconds / 60:,.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:,.0f} h"
    )
