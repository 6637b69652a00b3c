"""A pipe of Snowflake's, as a replacement handles it (`ingest.replacement.PipeAdmin`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ingest import ddl
from ingest.errors import WarehouseError
from ingest.layout import LOADED, kind_of
from ingest.snowpipe import LoadState
from ingest.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ingest.chain import Entry, Store
    from ingest.snowflake import Snowflake
    from ingest.snowpipe import Load, Snowpipe

_FILES: Final = 1000  # that a COPY takes by name
#: States that only a new pipe ends.
_BEYOND_REPAIR: Final = frozenset(("STOPPED_STAGE_ALTERED",))


class SnowflakePipe:
    """The pipe of `raw_events` or `job_runs`. See `ingest.replacement.PipeAdmin`."""

    def __init__(
        self,
        table: str,
        setup: ddl.Setup,
        session: Snowflake,
        pipes: Snowpipe,
        store: Store,
        clock: Callable[[], datetime],
    ) -> None:
        self._table, self._setup, self._session = table, setup, session
        self._snowpipe, self._store, self._clock = pipes, store, clock
        self._name = setup.names[f"{table}_pipe"]

    def is_as_rendered(self) -> bool:
        """Whether the pipe does what the set-up says, but for where its errors go, which can be changed."""
        found = self._snowpipe.pipes().get(self._name.rpartition(".")[2])
        return found is not None and plain(found.definition) == plain(self._setup.copy_into(self._table))

    def needs_replacing(self) -> bool:
        """See `PipeAdmin`."""
        return not self.is_as_rendered() or self._snowpipe.state(self._table).state in _BEYOND_REPAIR

    def is_running(self) -> bool:
        """See `PipeAdmin`."""
        return self._snowpipe.state(self._table).running

    def is_at_rest(self) -> bool:
        """See `PipeAdmin`."""
        return self._snowpipe.state(self._table).paused and not _under_way(self._loads())

    def pause(self) -> None:
        """See `PipeAdmin`."""
        self._session.execute(f"alter pipe {self._name} set pipe_execution_paused = true")

    def resume(self) -> None:
        """See `PipeAdmin`. A pipe that was paused for two weeks, or has another owner now, has to be forced."""
        self._session.execute(f"alter pipe {self._name} set pipe_execution_paused = false")
        if self._snowpipe.state(self._table).paused:
            self._session.select(
                "select system$pipe_force_resume(%s, 'staleness_check_override, ownership_transfer_check_override')",
                [self._name],
            )
        state = self._snowpipe.state(self._table)
        if not state.running:
            raise WarehouseError(
                f"pipe {self._name} is {state.state}" + (f": {state.error}" if state.error else ""),
                "Mend what it names, and run this again.",
            )

    def replace(self) -> None:
        """See `PipeAdmin`."""
        made = self._setup.pipe(self._table)
        self._session.execute(made.replace("create pipe if not exists", "create or replace pipe", 1))
        if self._setup.error_topic_arn:
            errors = self._setup.names["error_integration_name"]
            self._session.execute(f"alter pipe {self._name} set error_integration = {errors}")

    def refresh(self, key: str) -> None:
        """See `PipeAdmin`."""
        self._session.execute(f"alter pipe {self._name} refresh prefix = '{_quoted(key)}'")

    def copy(self, keys: Sequence[str]) -> None:
        """See `PipeAdmin`. Snowflake takes a thousand at once; it leaves out old ones unless told otherwise."""
        for start in range(0, len(keys), _FILES):
            for row in self._session.records(self._copy_of(keys[start : start + _FILES])):
                if "file" in row and row["status"].upper() != "LOADED":
                    key, why = self._snowpipe.key_of(row["file"]), row.get("first_error") or row["status"]
                    raise WarehouseError(f"{key} can't be loaded: {why}", "Mend the cause, and run this again.")

    def _copy_of(self, keys: Sequence[str]) -> str:
        before, after = self._setup.copy_into(self._table).split("\npattern = ", 1)
        files = ", ".join(f"'{_quoted(key)}'" for key in keys)
        return f"{before}\nfiles = ({files})\n{after.partition(chr(10))[2]}\nload_uncertain_files = true"

    def stored(self) -> list[Entry]:
        """See `PipeAdmin`."""
        wanted = f"raw.{self._table}"
        return [one for one in self._store.list() if kind_of(one.key) in LOADED and table_of(one.key) == wanted]

    def loaded(self) -> set[str]:
        """See `PipeAdmin`."""
        found = {load.key for load in self._loads() if load.state is LoadState.LOADED}
        rows = "records" if self._table == "raw_events" else self._table
        files = self._session.select(f"select distinct _file from {self._setup.names[rows]}")  # noqa: S608 - our names
        return found | {self._snowpipe.key_of(file) for (file,) in files}

    def failed(self) -> set[str]:
        """See `PipeAdmin`."""
        return {load.key for load in self._loads() if load.state is LoadState.FAILED}

    def _loads(self) -> list[Load]:
        return self._snowpipe.loads(self._table, self._clock())


def _under_way(loads: Sequence[Load]) -> bool:
    last = {load.key: load.state for load in loads}
    return LoadState.UNDER_WAY in last.values()


def plain(statement: str) -> str:
    """A statement without what makes no difference: spaces, capitals, a semicolon."""
    return re.sub(r"\s+", "", statement).lower().rstrip(";")


def _quoted(text: str) -> str:
    return text.replace("'", "''")
