"""A pipe of Snowflake's, as a replacement handles it (`ingest.replacement.PipeAdmin`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ingest import ddl
from ingest.layout import Kind, kind_of
from ingest.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ingest.chain import Entry, Store
    from ingest.snowflake import Snowflake
    from ingest.snowpipe import Snowpipe

_LOADED: Final = (Kind.OBJECT, Kind.RECOVERED, Kind.JOB)


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
        """See `PipeAdmin`."""
        found = self._snowpipe.pipes().get(self._name.rpartition(".")[2])
        wanted = bool(self._setup.error_topic_arn)
        return (
            found is not None
            and plain(found.definition) == plain(self._setup.copy_into(self._table))
            and (bool(found.error_integration) or not wanted)
        )

    def is_running(self) -> bool:
        """See `PipeAdmin`."""
        return self._snowpipe.state(self._table).running

    def pause(self) -> None:
        """See `PipeAdmin`."""
        self._session.execute(f"alter pipe {self._name} set pipe_execution_paused = true")

    def resume(self) -> None:
        """See `PipeAdmin`."""
        self._session.execute(f"alter pipe {self._name} set pipe_execution_paused = false")

    def replace(self) -> None:
        """See `PipeAdmin`."""
        made = self._setup.pipe(self._table)
        self._session.execute(made.replace("create pipe if not exists", "create or replace pipe", 1))

    def refresh(self, key: str) -> None:
        """See `PipeAdmin`."""
        self._session.execute(f"alter pipe {self._name} refresh prefix = '{_quoted(key)}'")

    def copy(self, key: str) -> None:
        """See `PipeAdmin`."""
        copy = self._setup.copy_into(self._table)
        self._session.execute(re.sub(r"\npattern = '[^']*'", f"\nfiles = ('{_quoted(key)}')", copy))

    def stored(self) -> list[Entry]:
        """See `PipeAdmin`."""
        wanted = f"raw.{self._table}"
        return [one for one in self._store.list() if kind_of(one.key) in _LOADED and table_of(one.key) == wanted]

    def loaded(self) -> set[str]:
        """See `PipeAdmin`."""
        found = {load.key for load in self._snowpipe.loads(self._table, self._clock()) if not load.error}
        rows = "records" if self._table == "raw_events" else self._table
        files = self._session.select(f"select distinct _file from {self._setup.names[rows]}")  # noqa: S608 - our names
        return found | {self._snowpipe.key_of(file) for (file,) in files}


def plain(statement: str) -> str:
    """A statement without what makes no difference: spaces, capitals, a semicolon."""
    return re.sub(r"\s+", "", statement).lower().rstrip(";")


def _quoted(text: str) -> str:
    return text.replace("'", "''")
