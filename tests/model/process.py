"""One process that consumes: the real `Consumer` with all that belongs to it, on the model's stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.batch import Limits
from ingest.chain import Chain
from ingest.consume import Consumer, Crew, Options
from ingest.monitors import Monitors
from ingest.objects import ChainId
from ingest.records import Partition
from ingest.survey import Survey
from tests.model.group import Group, SimulatedSource
from tests.model.parts import SimulatedBroker, SimulatedStore, SmallEncoder, StagedClock
from tests.model.stage import Crashed, StagedEvent, StagedExecutor

if TYPE_CHECKING:
    from tests.model.world import World

_PATIENT, _HASTY = 1e9, 3.0  # seconds until a batch is due by age
_ROOM, _NARROW = 1 << 30, 900  # bytes of memory: without an end, or for four records or so


class Process:
    """`size` says how it cuts its batches: every process may do it in its own way."""

    def __init__(self, world: World, name: str, group: Group, size: int, *, once: bool = False) -> None:
        self.name, self.group = name, group
        self.bite = 1 + size // 4 % 5  #: records that one poll brings
        self.dead = self.frozen = self.ended = False
        self.error: Exception | None = None
        self.source: SimulatedSource | None = None
        self.consumer: Consumer | None = None
        self.stop = StagedEvent(world.stage)
        self._world = world
        self._options = Options(
            Limits(1 + size % 4, 1 << 30, _HASTY if size // 20 % 2 else _PATIENT),
            1 << 20,
            _NARROW if size // 40 % 4 == 3 else _ROOM,
            once=once,
            grace=5.0,
        )
        world.stage.spawn(self, "consumer", self._live)

    def __str__(self) -> str:
        return self.name

    @property
    def awake(self) -> bool:
        return not (self.dead or self.frozen)

    @property
    def has_read_everything(self) -> bool:
        """Whether it has read all of its partitions to their ends, and nothing is on its way to the store."""
        if self.consumer is None or self.source is None:
            return False
        lanes, topic_id = self.consumer._lanes, self._world.topic.topic_id
        if self.consumer._openings or lanes.keys() != set(self.source.partitions):
            return False
        settled = not any(lane.flight or lane.prepared for lane in lanes.values())
        present = all(lane.chain.identity.topic_id == topic_id for lane in lanes.values())
        return settled and present and self.source.at_the_end

    def _live(self) -> None:
        world, encode = self._world, SmallEncoder(self.name)
        store = SimulatedStore(world.network, world.bucket, self)

        def chain(partition: Partition, identity: str) -> Chain:
            return Chain(store, ChainId(partition.topic, identity, partition.number), encode, accept=True)

        try:
            self.consumer = Consumer(
                self._open_source,
                Survey(SimulatedBroker(world, self), chain),
                self._options,
                StagedClock(world),
                Monitors(),
                Crew(StagedExecutor(world.stage, self, "put"), StagedExecutor(world.stage, self, "survey")),
                self.stop,
            )
            self.consumer.run()
        except Crashed:
            raise
        except Exception as error:  # judged by the world: some histories account for some errors
            self.error = error
        self.ended = True

    def _open_source(self, consumer: Consumer) -> SimulatedSource:
        self.source = SimulatedSource(self._world, self, consumer)
        return self.source
