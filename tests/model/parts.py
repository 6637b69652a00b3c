"""The simulated sides of the protocol's interfaces, and the small parts that stand in for slow ones."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from ingest.batch import Batch
from ingest.chain import Entry, Hint
from ingest.errors import BrokerUnavailable, StoreError
from ingest.objects import ChainId, Object, ObjectMetadata
from ingest.records import OffsetRange, Partition, Records

if TYPE_CHECKING:
    from tests.model.network import Network
    from tests.model.world import World


class Bucket:
    """What the store holds: key → body and metadata. `told` hears of every object, and who put it."""

    def __init__(self, told: Callable[[str, bytes, Mapping[str, str], Any], None]) -> None:
        self._told = told
        self.held: dict[str, tuple[bytes, dict[str, str]]] = {}

    def put(self, key: str, body: bytes, metadata: Mapping[str, str], process: Any) -> bool:
        if key in self.held:
            return False
        self.held[key] = body, dict(metadata)
        self._told(key, body, metadata, process)
        return True


class SimulatedStore:
    """The `Store` of one process: every call is a request on the network."""

    url = "model://"

    def __init__(self, network: Network, bucket: Bucket, process: Any) -> None:
        self._network, self._bucket, self._process = network, bucket, process

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        put = partial(self._bucket.put, key, body, metadata, self._process)
        return bool(self._ask(f"put {key} up to {metadata.get('next')}", put))

    def metadata(self, key: str) -> dict[str, str] | None:
        held = self._bucket.held
        found = self._ask(f"metadata of {key}", lambda: held[key][1] if key in held else None)
        return None if found is None else dict(found)

    def read(self, key: str) -> bytes:
        body = self._ask(f"read {key}", lambda: self._bucket.held.get(key, (None,))[0])
        if body is None:
            raise StoreError(f"no {key}")
        return bytes(body)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        held = self._bucket.held
        found = self._ask(
            f"list {prefix}",
            lambda: sorted((key for key in held if key.startswith(prefix) and key > after), key=str.encode),
        )
        return iter([Entry(key, len(held[key][0])) for key in found])

    def _ask(self, text: str, perform: Callable[[], Any]) -> Any:
        return self._network.ask(self._process, "store", text, perform)


class SimulatedBroker:
    """The `Broker` of one process, with its group's hints."""

    def __init__(self, world: World, process: Any) -> None:
        self._world, self._process = world, process

    def reach(self) -> None:
        self._ask("reach", lambda: None)

    def identity(self, topic: str) -> str:
        return str(self._ask("identity", lambda: self._world.topic.topic_id))

    def bounds(self, partition: Partition) -> OffsetRange:
        found = self._ask(f"bounds of {partition}", lambda: self._bounds(partition))
        if found is None:
            raise BrokerUnavailable(f"no {partition} yet")
        return OffsetRange(*found)

    def committed(self, partition: Partition) -> Hint | None:
        hints = self._process.group.hints
        found: Hint | None = self._ask(f"hint of {partition}", lambda: hints.get(partition.number))
        return found

    def _bounds(self, partition: Partition) -> tuple[int, int] | None:
        logs = self._world.topic.logs
        if partition.number >= len(logs):
            return None
        log = logs[partition.number]
        behind = self._world.take_behind()
        return log.low, max(log.low, log.high - behind)

    def _ask(self, text: str, perform: Any) -> Any:
        return self._world.network.ask(self._process, "broker", text, perform)


@dataclass(frozen=True)
class SmallEncoder:
    """The `Encode` of one process: offsets and values as text, with metadata as true as the real one's."""

    nonce: str
    settings: str = "of=model"

    def __call__(self, chain: ChainId, batch: Batch) -> Object:
        offsets, values = batch.rows["_offset"].to_list(), batch.rows["value"].to_list()
        body = "\n".join(f"{offset}={value}" for offset, value in zip(offsets, values, strict=True)).encode()
        said = ObjectMetadata(
            chain,
            batch.range,
            offsets[0],
            len(offsets),
            0,
            "model",
            self.nonce,
            self.settings,
            f"{zlib.crc32(body):08x}",
            batch.lost,
        )
        return Object(chain.key(batch.range.start), body, said)


class SmallDecoder:
    """Stands in for `ingest.decode.Decoder`: records → a frame of offsets and values."""

    def __init__(self, *_: object) -> None:
        pass

    def __call__(self, records: Records, _: datetime) -> pl.DataFrame:
        return pl.DataFrame(
            {"_offset": records.offsets, "value": [(value or b"").decode() for value in records.values]}
        )


class StagedClock:
    """The model's time."""

    def __init__(self, world: World) -> None:
        self._stage = world.stage

    def now(self) -> datetime:
        return datetime(2025, 9, 5, 23, 59, tzinfo=UTC) + timedelta(seconds=self._stage.now - 1000)

    def monotonic(self) -> float:
        return self._stage.now
