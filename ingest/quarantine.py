"""What is in quarantine: counted, listed and exported from the warehouse, which holds every quarantined row.

A quarantined record is *open* until a recovered row stands beside it in raw.raw_events (`ingest.recovery`). The
bytes that are exported are as they were produced: they may hold personal data.
"""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import polars as pl

from ingest.database import reading
from ingest.errors import SettingsError, WarehouseError
from ingest.events import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Select = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]

#: What is held of an export at once: so many rows, or bytes of theirs, and one object's at least.
_PAGE_ROWS: Final = 1_000
_PAGE_BYTES: Final = 16 * 1024 * 1024

_TABLE: Final = (
    "select count(*) from information_schema.tables where table_schema || '.' || table_name = 'raw.raw_events'"
)
_FOUND: Final = """
    select found.*, exists (
        select 1 from raw.raw_events as recovered
        where recovered._file >= '_recovered/' and recovered._file < '_recovered0'
            and recovered._topic_id = found._topic_id and recovered._topic = found._topic
            and recovered._partition = found._partition and recovered._offset = found._offset
    ) as is_recovered
    from raw.raw_events as found
    where found._error is not null and {condition}
"""
_GROUPS: Final = """
    select _error, _topic, {columns},
        count(*) filter (not is_recovered), count(*) filter (is_recovered), min(_ingested_at), max(_ingested_at)
    from ({found})
    group by all
    order by 5 desc, 6 desc, 1, 2, 3, 4
"""
_SOURCES: Final = """
    select _file, count(*), coalesce(sum(octet_length(_raw)), 0)
    from ({found}) where not is_recovered
    group by all order by 1
"""
_ROWS: Final = """
    select _topic, _topic_id, _partition, _offset, _kafka_timestamp, _ingested_at, _error, _raw, _file
    from ({found}) where not is_recovered and _file between ? and ?
    order by _file, _offset
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which quarantined records are meant; None stands for all.

    `reason` is one of `ingest.events.Reason`, with every field that it may name, or `<reason>:<field>`. `since` and
    `until` bound when the pipeline read the record: from the one on, before the other; aware.
    """

    reason: str | None = None
    topic: str | None = None
    partition: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.reason is not None and self.reason.partition(":")[0] not in set(Reason):
            raise SettingsError(f"there is no reason {self.reason!r}", f"Give one of {', '.join(Reason)}.")

    def condition(self) -> tuple[str, list[object]]:
        """The selection in SQL, and its parameters."""
        parts: list[tuple[str, list[object]]] = [("true", [])]
        if self.reason is not None:
            parts.append(("(_error = ? or starts_with(_error, ? || ':'))", [self.reason, self.reason]))
        if self.topic is not None:
            parts.append(("_topic = ?", [self.topic]))
        if self.partition is not None:
            parts.append(("_partition = ?", [self.partition]))
        for operator, time in ((">=", self.since), ("<", self.until)):
            if time is not None:
                parts.append((f"_ingested_at {operator} ?", [time.astimezone(UTC).replace(tzinfo=None)]))
        return " and ".join(text for text, _ in parts), [value for _, values in parts for value in values]

    def among(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The quarantined rows of the selection: the same as `condition` selects."""
        wanted = pl.col("_error").is_not_null()
        if self.reason is not None:
            wanted &= (pl.col("_error") == self.reason) | pl.col("_error").str.starts_with(self.reason + ":")
        for name, value in (("_topic", self.topic), ("_partition", self.partition)):
            if value is not None:
                wanted &= pl.col(name) == value
        if self.since is not None:
            wanted &= pl.col("_ingested_at") >= self.since
        if self.until is not None:
            wanted &= pl.col("_ingested_at") < self.until
        return rows.filter(wanted)


class Group(NamedTuple):
    """Quarantined records of one topic with one `_error`; when the pipeline read the first and the last.

    `topic_id` and `partition` are None where all of the topic's stand together.
    """

    error: str
    topic: str
    topic_id: str | None
    partition: int | None
    quarantined: int  #: open ones
    recovered: int
    first_seen: datetime
    last_seen: datetime


class Origin(NamedTuple):
    """An object with open quarantined records: its key, how many, and the bytes of their values."""

    key: str
    records: int
    nbytes: int


def groups(path: Path, selection: Selection, *, by_partition: bool = False) -> list[Group]:
    """The selected records, recovered ones too, counted; the largest group first. Raises `WarehouseError`."""
    columns = "_topic_id, _partition" if by_partition else "null as topic_id, null as part"
    sql, parameters = _found(_GROUPS, selection, columns=columns)
    with _reading(path) as select:
        found = (Group(*row) for row in select(sql, parameters))
        return [one._replace(first_seen=_aware(one.first_seen), last_seen=_aware(one.last_seen)) for one in found]


def origins(path: Path, selection: Selection) -> list[Origin]:
    """The objects with open records of the selection, in the order of keys. Raises `WarehouseError`."""
    with _reading(path) as select:
        return _origins(select, selection)


def export(path: Path, selection: Selection, limit: int | None = None) -> Iterator[str]:
    """The open records as JSON, a line each: coordinates, reason and the bytes as they were produced.

    `raw` is their text where they are UTF-8 (None for a tombstone), `raw_base64` stands in its place where they are
    not. The warehouse stays open for reading, and so locked for writers, until the last line was taken.
    Raises `WarehouseError`.
    """
    sql, parameters = _found(_ROWS, selection)
    with _reading(path) as select:
        left = limit
        for first, last in _pages(_origins(select, selection)):
            rows = select(sql, [*parameters, first, last])[:left]
            yield from map(_line, rows)
            left = None if left is None else left - len(rows)
            if left == 0:
                return


@contextmanager
def _reading(path: Path) -> Iterator[Select]:
    """As `ingest.database.reading`, of a warehouse that something was loaded into."""
    if not path.exists():
        raise WarehouseError(f"there is no warehouse {path}", "Run `ingest load`, or name another --warehouse.")
    with reading(path) as select:
        if select(_TABLE, ()) != [(1,)]:
            raise WarehouseError(f"{path} has no raw.raw_events", "Run `ingest load`, or name another --warehouse.")
        yield select


def _origins(select: Select, selection: Selection) -> list[Origin]:
    return [Origin(*row) for row in select(*_found(_SOURCES, selection))]


def _found(statement: str, selection: Selection, **parts: str) -> tuple[str, list[object]]:
    condition, parameters = selection.condition()
    return statement.format(found=_FOUND.format(condition=condition), **parts), parameters


def _pages(origins: Sequence[Origin]) -> Iterator[tuple[str, str]]:
    """Ranges of keys, both ends included, whose records are held at once."""
    first, records, nbytes, last = "", 0, 0, ""
    for one in origins:
        if first and (records + one.records > _PAGE_ROWS or nbytes + one.nbytes > _PAGE_BYTES):
            yield first, last
            first, records, nbytes = "", 0, 0
        first, last = first or one.key, one.key
        records, nbytes = records + one.records, nbytes + one.nbytes
    if first:
        yield first, last


def _line(row: Sequence[Any]) -> str:
    topic, topic_id, partition, offset, kafka_timestamp, ingested_at, error, raw, key = row
    return json.dumps(
        {
            "topic": topic,
            "topic_id": topic_id,
            "partition": partition,
            "offset": offset,
            "kafka_timestamp": None if kafka_timestamp is None else _aware(kafka_timestamp).isoformat(),
            "ingested_at": _aware(ingested_at).isoformat(),
            "error": error,
            **_bytes(raw),
            "object": key,
        }
    )


def _bytes(raw: bytes | None) -> dict[str, str | None]:
    if raw is None:
        return {"raw": None}
    try:
        return {"raw": raw.decode()}
    except UnicodeDecodeError:
        return {"raw_base64": b64encode(raw).decode()}


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC)
