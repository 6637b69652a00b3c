"""Raw rows as records: one for every Kafka record, each an event, a duplicate of one, or quarantined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from tests.dbt.reference.events import Event, nulls_last, read
from tests.dbt.reference.times import received_at

Row = Mapping[str, Any]


class Coordinates(NamedTuple):
    topic_id: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Record:
    """One Kafka record. `said` is the event that it holds, kept or not; None when quarantined for `error`.

    `loaded_at` is of the copy that is kept, `first_loaded_at` of the first one, quarantined or not.
    """

    coordinates: Coordinates
    status: str
    error: str | None
    received_at: datetime | None
    ingested_at: datetime
    loaded_at: datetime
    first_loaded_at: datetime
    said: Event | None


def records(raw_rows: Iterable[Row]) -> list[Record]:
    """One record for each coordinates, however often it was loaded."""
    copies = defaultdict(list)
    for row in raw_rows:
        copies[Coordinates(row["_topic_id"], row["_partition"], row["_offset"])].append(row)
    staged = [_record(place, rows) for place, rows in sorted(copies.items())]
    first = _first_of_each_id(staged)
    return [
        replace(record, status="duplicate") if record.said and first[_id(record.said)] is not record else record
        for record in staged
    ]


def events(staged: Iterable[Record]) -> list[Event]:
    """The events that count: the valid records without the duplicates."""
    return [record.said for record in staged if record.said and record.status == "event"]


def _preference(row: Row) -> tuple[object, ...]:
    """Of a record's copies the first loaded; of one recovered from quarantine the event that it turned out to be."""
    return (row.get("_error") is not None, row["_loaded_at"], row["_file"], row["_file_row"])


def _record(place: Coordinates, copies: Sequence[Row]) -> Record:
    row = min(copies, key=_preference)
    error = row.get("_error")
    return Record(
        coordinates=place,
        status="event" if error is None else "quarantined",
        error=error,
        received_at=received_at(row),
        ingested_at=row["_ingested_at"],
        loaded_at=row["_loaded_at"],
        first_loaded_at=min(copy["_loaded_at"] for copy in copies),
        said=read(row) if error is None else None,
    )


def _id(event: Event) -> tuple[str, str]:
    return (event.tenant_id, event.event_id)


def _first_of_each_id(staged: Iterable[Record]) -> dict[tuple[str, str], Record]:
    first: dict[tuple[str, str], Record] = {}
    for record in sorted(staged, key=lambda each: (*nulls_last(each.received_at), each.coordinates)):
        if record.said:
            first.setdefault(_id(record.said), record)
    return first
