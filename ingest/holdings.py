"""What the warehouse holds, as of one moment: the load history, and a count of the raw rows of every object."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from ingest.database import reading
from ingest.errors import WarehouseError
from ingest.objects import ChainId
from ingest.tables import HISTORY_COLUMNS, History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    Select = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]

#: Rows whose offsets are told apart in one go. This bounds memory, whatever the table's size.
_CHUNK: Final = 1_000_000

_TABLES: Final = """
    select count(*) from information_schema.tables
    where table_schema = 'raw' and table_name in ('raw_events', 'load_history')
"""
_HISTORY: Final = f"select {', '.join(HISTORY_COLUMNS)} from raw.load_history order by file"  # noqa: S608 - constants
_COUNTS: Final = """
    select
        _topic, _topic_id, _partition, _file, count(*), min(_offset), max(_offset), count(_error), max(_ingested_at)
    from raw.raw_events
    group by all
    order by 1, 2, 3, 6
"""
_DISTINCT: Final = """
    select _file, count(distinct _offset)
    from raw.raw_events
    where _topic = ? and _topic_id = ? and _partition = ? and _offset between ? and ?
    group by all
"""


_JOBS: Final = "select _file, max(recorded_at) from raw.job_runs where _file is not null group by all"
_HAS_JOBS: Final = "select 1 from information_schema.tables where table_schema = 'raw' and table_name = 'job_runs'"


@dataclass(frozen=True, slots=True)
class Rows:
    """The raw rows that came from one object, of one chain: how many, and which offsets they have.

    `first` and `last` are the least and the greatest offset, `distinct` is how many different ones there are.
    `newest` is when the pipeline read the newest of these records, aware; None if nobody asked.
    """

    chain: ChainId
    count: int
    distinct: int
    first: int
    last: int
    quarantined: int
    newest: datetime | None = None


@dataclass(slots=True)
class Holdings:
    """The history and the rows, by key. Rows of an object are of one chain, unless something is wrong.

    `jobs` are the times of the newest job record of each object that held some; aware. The history has forgotten
    loads from before `known_since`; None: it remembers all.
    """

    history: dict[str, History] = field(default_factory=dict)
    rows: dict[str, list[Rows]] = field(default_factory=dict)
    jobs: dict[str, datetime] = field(default_factory=dict)
    known_since: datetime | None = None


def read_history(path: Path) -> dict[str, History]:
    """The load history by key. Raises `WarehouseError`."""
    with reading(path) as select:
        return _history(path, select)


def read_holdings(path: Path) -> Holdings:
    """The whole, in a few seconds for ten million rows and in bounded memory. Raises `WarehouseError`."""
    with reading(path) as select:
        found = Holdings(_history(path, select))
        for key, rows in _rows(select):
            found.rows.setdefault(key, []).append(rows)
        found.jobs = {key: at.replace(tzinfo=UTC) for key, at in select(_JOBS, ())} if select(_HAS_JOBS, ()) else {}
        return found


def _history(path: Path, select: Select) -> dict[str, History]:
    if select(_TABLES, ()) != [(2,)]:
        raise WarehouseError(
            f"{path} lacks raw.raw_events or raw.load_history", "Run `ingest load`, or name another --warehouse."
        )
    lines = (History(*line) for line in select(_HISTORY, ()))
    return {
        line.file: replace(
            line,
            started_at=line.started_at.replace(tzinfo=UTC),
            completed_at=line.completed_at.replace(tzinfo=UTC),
        )
        for line in lines
    }


def _rows(select: Select) -> Iterator[tuple[str, Rows]]:
    counts = select(_COUNTS, ())
    distinct: dict[tuple[ChainId, str], int] = {}
    for chain, first, last in _chunks(counts):
        for file, count in select(_DISTINCT, (chain.topic, chain.topic_id, chain.partition, first, last)):
            distinct[chain, file] = distinct.get((chain, file), 0) + count
    for topic, topic_id, partition, file, count, first, last, quarantined, newest in counts:
        chain = ChainId(topic, topic_id, partition)
        yield file, Rows(chain, count, distinct[chain, file], first, last, quarantined, newest.replace(tzinfo=UTC))


def _chunks(counts: Sequence[tuple[Any, ...]]) -> Iterator[tuple[ChainId, int, int]]:
    """Ranges of offsets, both ends included, with a bounded number of rows each (one object's at least).

    Those of a chain do not overlap, so that what they count adds up whichever objects have rows in them.
    """
    chain, start, end, held = None, 0, -1, 0
    for *names, _, count, first, last, _, _ in counts:
        one = ChainId(*names)
        if one == chain and (held + count <= _CHUNK or first <= end):
            end, held = max(end, last), held + count
            continue
        if chain is not None:
            yield chain, start, end
        chain, start, end, held = one, first, last, count
    if chain is not None:
        yield chain, start, end
