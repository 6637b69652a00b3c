"""From the store into the warehouse, like Snowpipe: each object once, whole or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from ingest.errors import StoreRefused, StoreUnavailable, WarehouseLocked
from ingest.layout import LOADED, Kind, kind_of
from ingest.ledger import Ledger
from ingest.rows import Incoming
from ingest.warehouse import DuckDbWarehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from threading import Event

    from ingest.chain import Entry, Store
    from ingest.errors import DependencyError
    from ingest.jobs import Run
    from ingest.tables import History

Progress: TypeAlias = "History | DependencyError | LoadSummary"

LOG: Final = structlog.get_logger("ingest.load")
_READERS: Final = 8  # requests to the store at once: a read of S3 is mostly waiting
# One transaction takes up to this much. Parquet grows up to tenfold when decoded, so this bounds memory, and
# about a row group of DuckDB (122,880 rows) is what it writes fastest. A larger object comes alone.
_GROUP_BYTES: Final = 8 * 1024 * 1024
_GROUP_OBJECTS: Final = 50
_REWRITTEN: Final = (
    "Its rows were loaded before it was changed: keep the warehouse until `ingest verify --deep` has said what the "
    "object is now. Damaged or changed by hand: put it back. Written anew by a consumer after somebody deleted it: "
    "do not put the old one back. Move the warehouse away and run `ingest load`: it fills a new one from the store; "
    "if the old one was past its retention, `ingest retention apply` before the next load is enough."
)


@dataclass(slots=True)
class LoadSummary:
    """What a run did. `objects` hold events, `rows` of them; `bytes` are those in the store.

    `job_records` came beside them, `skipped` objects had been loaded before, `failed` ones are in the
    history with the reason, `ignored` keys are no objects of ours, and `changed` objects were rewritten after they
    had been loaded: what they hold now is not in the warehouse.
    """

    objects: int = 0
    rows: int = 0
    bytes: int = 0
    job_records: int = 0
    failed: int = 0
    skipped: int = 0
    ignored: int = 0
    changed: int = 0

    def count(self, line: History) -> None:
        """Add an object that was tried."""
        if line.status == "failed":
            self.failed += 1
        elif kind_of(line.file) is Kind.JOB:
            self.job_records += line.records
        else:
            self.objects += 1
            self.rows += line.records
            self.bytes += line.bytes


def load(
    store: Store,
    warehouse: Path,
    clock: Callable[[], datetime],
    on_progress: Callable[[Progress], None],
    stop: Event,
    *,
    every: float | None = None,
    job: Run | None = None,
) -> LoadSummary:
    """Load every object of the store that the warehouse at this path has not got.

    `on_progress` is told of every object once it is in the history. An object that fails is recorded with its
    error, the others are loaded, and the next run tries it again (objects never change, so within one run
    a second try is no use). One that has another size than when it was loaded is told and counted, and what
    was loaded of it stays. With `every` it looks again after so many seconds, until `stop` is set. The
    warehouse is let go in between, so that dbt can have it; a look that finds it locked, or can't reach the
    store, tells `on_progress` the error, and the next one tries again; one that goes through tells the summary
    so far. Killed anywhere, the next run goes on.
    The records of `job` are left in raw.job_runs, where the warehouse can be had.
    """
    summary = LoadSummary()
    with Ledger(warehouse, job, clock, summary) as ledger:
        run = _Run(store, warehouse, clock, on_progress, stop, summary, ledger)
        while True:
            try:
                run.cycle()
                if every is not None:
                    on_progress(summary)
            except (StoreUnavailable, WarehouseLocked) as error:
                if every is None:
                    raise
                on_progress(error)
            if every is None or stop.wait(every):
                return summary


class _Run:
    """One call of `load`: what it has settled, so that an idle look need not open the warehouse."""

    def __init__(
        self,
        store: Store,
        warehouse: Path,
        clock: Callable[[], datetime],
        on_progress: Callable[[Progress], None],
        stop: Event,
        summary: LoadSummary,
        ledger: Ledger,
    ) -> None:
        self.summary, self._ledger = summary, ledger
        self._store, self._path, self._clock = store, warehouse, clock
        self._on_progress, self._stop = on_progress, stop
        self._settled: dict[str, int] = {}  # sizes by key: an object that is rewritten is looked at again
        self._settled_in: tuple[int, int] | None = None

    def cycle(self) -> None:
        """List the store, and load what is new."""
        if self._identity() != self._settled_in:  # the warehouse was removed or made anew
            self._settled.clear()
        new = self._new_objects()
        if not new and self._settled_in and not self._ledger.due:
            return
        with DuckDbWarehouse(self._path, self._clock) as warehouse:
            self._settled_in = self._identity()
            self._ledger.note(warehouse)
            self._load(warehouse, new)

    def _new_objects(self) -> list[Entry]:
        entries: dict[Kind, list[Entry]] = {kind: [] for kind in Kind}
        for entry in self._store.list():
            entries[kind_of(entry.key)].append(entry)
        self._tell_foreign([entry.key for entry in entries[Kind.FOREIGN]])
        ours = [entry for kind in LOADED for entry in entries[kind]]
        for key in self._settled.keys() - {entry.key for entry in ours}:
            del self._settled[key]  # what comes there after its time is another object
        return [entry for entry in ours if self._settled.get(entry.key) != entry.size]

    def _tell_foreign(self, keys: Sequence[str]) -> None:
        if len(keys) > self.summary.ignored:
            LOG.warning("keys_ignored", count=len(keys), first=keys[:3])
        self.summary.ignored = len(keys)

    def _tell_changed(self, changed: Sequence[Entry], loaded: Mapping[str, int]) -> None:
        self.summary.changed += len(changed)
        for one in changed:
            LOG.error("object_changed", key=one.key, bytes=one.size, bytes_loaded=loaded[one.key], remedy=_REWRITTEN)

    def _load(self, warehouse: DuckDbWarehouse, new: Sequence[Entry]) -> None:
        loaded = _kept(warehouse.history(), new)
        missing = [entry for entry in new if entry.key not in loaded]
        changed = [entry for entry in new if loaded.get(entry.key, entry.size) != entry.size]
        self.summary.skipped += len(new) - len(missing) - len(changed)
        self._tell_changed(changed, loaded)
        self._settled = loaded | self._settled | {entry.key: entry.size for entry in new if entry.key in loaded}
        with ThreadPoolExecutor(_READERS, "read") as readers:
            for group in _groups(missing):
                if self._stop.is_set():
                    return
                for line in warehouse.load(list(readers.map(self._read, group))):
                    self._settled[line.file] = line.bytes
                    self.summary.count(line)
                    self._on_progress(line)

    def _read(self, entry: Entry) -> Incoming:
        started_at = self._clock()
        try:
            return Incoming(entry.key, entry.size, self._store.read(entry.key), "", started_at)
        except StoreRefused as error:
            return Incoming(entry.key, entry.size, None, str(error), started_at)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


def _kept(history: Iterable[History], new: Sequence[Entry]) -> dict[str, int]:
    """The sizes of objects that need not be loaded, by key: loaded ones, and those whose rows retention took since.

    What was stored at the key of an expired object after it is another object, and new.
    """
    stored = {entry.key: entry.modified for entry in new}
    return {
        line.file: line.bytes
        for line in history
        if line.status != "failed" and not line.is_of_another(stored.get(line.file))
    }


def _groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Neighbours that are loaded in one transaction: as many as the two bounds allow, at least one."""
    group: list[Entry] = []
    size = 0
    for entry in entries:
        if group and (len(group) == _GROUP_OBJECTS or size + entry.size > _GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(entry)
        size += entry.size
    if group:
        yield group
