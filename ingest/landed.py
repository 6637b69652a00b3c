"""What Snowflake holds, as verification wants it: the load history, and a count of the raw rows of every object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ingest.holdings import Holdings, Rows
from ingest.objects import ChainId
from ingest.snowpipe import REACH, LoadState
from ingest.tables import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ingest.ddl import Names
    from ingest.snowflake import Snowflake
    from ingest.snowpipe import Load, Snowpipe

_TABLES: Final = ("raw_events", "job_runs")
_COUNTS: Final = """
    select
        _topic, _topic_id, _partition, _file,
        count(*), count(distinct _offset), min(_offset), max(_offset), count(_error),
        max(_ingested_at), max(_loaded_at)
    from {records}
    group by _topic, _topic_id, _partition, _file
    order by _topic, _topic_id, _partition, min(_offset)
"""


def read_holdings(snowflake: Snowflake, names: Names, pipes: Snowpipe, clock: Callable[[], datetime]) -> Holdings:
    """The whole. Raises `WarehouseError`.

    Snowpipe goes on meanwhile, so the history is read before the rows and after: what was loaded in between may
    have rows or not, and without rows it is not in the answer. An object whose load Snowflake has forgotten, because
    it is too long ago or the pipe was replaced since, is known by its rows; its line of the history has no size.
    """
    before = _lines(pipes, clock())
    rows = list(_rows(snowflake, names, pipes))
    lines = _lines(pipes, clock())
    found = Holdings()
    last: dict[str, datetime] = {}
    for key, counted, loaded_at in rows:
        found.rows.setdefault(key, []).append(counted)
        last[key] = max(loaded_at, last.get(key, loaded_at))
    found.history = {key: line for key, line in lines.items() if key in before or key in found.rows}
    found.known_since = forgotten = max([clock() - REACH, *(pipe.created for pipe in pipes.pipes().values())])
    for key in found.rows.keys() - found.history.keys():
        if last[key] < forgotten:
            found.history[key] = _remembered(key, found.rows[key], last[key])
    return found


def _rows(snowflake: Snowflake, names: Names, pipes: Snowpipe) -> Iterator[tuple[str, Rows, datetime]]:
    for rows in snowflake.chunks(_COUNTS.format(records=names["records"])):
        for row in rows:
            yield _counted(row, pipes)


def _counted(row: tuple[Any, ...], pipes: Snowpipe) -> tuple[str, Rows, datetime]:
    topic, topic_id, partition, file, count, distinct, first, last, quarantined, newest, loaded_at = row
    chain = ChainId(topic, topic_id, int(partition))
    return pipes.key_of(file), Rows(chain, count, distinct, int(first), int(last), quarantined, newest), loaded_at


def _lines(pipes: Snowpipe, now: datetime) -> dict[str, History]:
    found: dict[str, History] = {}
    for table in _TABLES:
        for load in pipes.loads(table, now):  # oldest first: the last word counts, but a load stays one
            known = found.get(load.key)
            if load.state is not LoadState.UNDER_WAY and (
                known is None or known.status == "failed" or load.state is LoadState.LOADED
            ):
                found[load.key] = _line(load, known.attempts + 1 if known else 1)
    return found


def _line(load: Load, attempts: int) -> History:
    if load.state is LoadState.FAILED:
        return History(load.key, "failed", 0, load.nbytes, load.error, load.at, load.at, attempts)
    return History(load.key, "loaded", load.rows, load.nbytes, None, load.at, load.at, attempts)


def _remembered(key: str, rows: list[Rows], at: datetime) -> History:
    return History(key, "loaded", sum(one.distinct for one in rows), 0, None, at, at)
