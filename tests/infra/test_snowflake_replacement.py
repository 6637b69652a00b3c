"""Replacing a pipe: in a world of late notifications, slow loads and kills; and on the stand-in, over an S3 API."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from ingest.chain import Entry
from ingest.errors import WarehouseError
from ingest.replacement import Replacement
from tests.fixtures_s3 import s3_credentials  # noqa: F401 - a fixture
from tests.infra.snowflake_account import SnowflakeAccount, account
from tests.services.s3 import S3Server
from tests.services.snowflake import SnowflakeServer, snowflake_server
from tests.services.snowpipe import ENDPOINT

START = datetime(2026, 11, 26, tzinfo=UTC)
SETTLE = 120.0
HORIZON = START - timedelta(days=100)


class KilledError(Exception):
    """The process ends here."""


@dataclass
class Life:
    """One pipe, from its making on: what it was told of, what it is loading, what it knows."""

    wanted: bool
    queue: list[str] = field(default_factory=list)
    loading: dict[str, float] = field(default_factory=dict)  #: until when
    known: set[str] = field(default_factory=set)
    paused: bool = False


class World:
    """A bucket that is written to, notifications that come late, and a pipe. Sleeping lets time pass.

    Notifications and loads take up to `SETTLE` seconds, as replacement assumes.
    """

    def __init__(self, seed: int, kills: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.now = 0.0
        self.pipe = Life(wanted=False)
        self.bucket: dict[str, float] = {}
        self.notices: list[tuple[float, str]] = []
        self.rows: list[str] = []
        self.orphans: dict[str, float] = {}
        self.kills = sorted(self.random.randrange(60) for _ in range(kills))
        self.calls = 0
        self.writing = True
        self.bad: set[str] = set()
        self.bucket["expired"] = -200 * 86_400.0  # its rows were there
        for age in (30 * 86_400, 8 * 86_400, 3600):  # of the first, nobody is notified any more
            self.bucket[f"old-{age}"] = -age
            if self.random.random() < 0.5:
                self.rows.append(f"old-{age}")
                self.pipe.known.add(f"old-{age}")
        self.pass_time(300)

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += min(7.0, until - self.now)
            if self.writing and self.random.random() < 0.3:
                key = f"new-{len(self.bucket)}"
                self.bucket[key] = self.now
                self.notices.append((self.now + self.random.uniform(0, SETTLE * 0.9), key))
            for notice in [one for one in self.notices if one[0] <= self.now]:
                self.notices.remove(notice)
                self.tell(notice[1])
            self.work()

    def tell(self, key: str) -> None:
        if key not in self.pipe.known and key not in self.pipe.queue:
            self.pipe.queue.append(key)

    def work(self) -> None:
        pipe = self.pipe
        while pipe.queue and not pipe.paused and len(pipe.loading) < 3:
            key = pipe.queue.pop(0)
            pipe.known.add(key)
            pipe.loading[key] = self.now + self.random.uniform(0, SETTLE * 0.9)
        for loads in (pipe.loading, self.orphans):
            for key in [key for key, end in loads.items() if end <= self.now]:
                del loads[key]
                self.rows.append(key)

    def _call(self) -> None:
        self.calls += 1
        self.pass_time(self.random.uniform(0, 3))
        if self.kills and self.calls >= self.kills[0]:
            self.kills.pop(0)
            raise KilledError

    # --- PipeAdmin ---

    def needs_replacing(self) -> bool:
        self._call()
        return not self.pipe.wanted

    def is_at_rest(self) -> bool:
        self._call()
        return self.pipe.paused

    def is_running(self) -> bool:
        self._call()
        return not self.pipe.paused

    def pause(self) -> None:
        self._call()
        self.pipe.paused = True

    def resume(self) -> None:
        self._call()
        self.pipe.paused = False

    def replace(self) -> None:
        self._call()
        self.orphans |= self.pipe.loading  # what a pipe was loading when it went is finished, and known to nobody
        self.pipe = Life(wanted=True)

    def refresh(self, key: str) -> None:
        self._call()
        if self.now - self.bucket[key] < 7 * 86_400:
            self.tell(key)

    def copy(self, keys: list[str]) -> None:
        self._call()
        self.rows += keys

    def stored(self) -> list[Entry]:
        self._call()
        return [Entry(key, 1, START + timedelta(seconds=at)) for key, at in sorted(self.bucket.items())]

    def loaded(self) -> set[str]:
        self._call()
        return set(self.rows)

    def failed(self) -> set[str]:
        self._call()
        return set(self.bad)

    # --- the test's own ---

    def replacement(self, settle: float = SETTLE) -> Replacement:
        return Replacement(
            self, HORIZON, lambda: START + timedelta(seconds=self.now), self.sleep, lambda step: None, settle
        )

    def sleep(self, seconds: float) -> None:
        self.pass_time(seconds)

    def finish(self) -> None:
        """All that is under way arrives."""
        self.writing = False
        while self.notices or self.pipe.queue or self.pipe.loading or self.orphans:
            self.pass_time(SETTLE)


def doubled(world: World) -> set[str]:
    return {key for key in world.rows if world.rows.count(key) > 1}


@pytest.mark.parametrize("seed", range(150))
def test_every_object_is_loaded_once_whatever_comes_late_and_whoever_is_killed(seed):
    world = World(seed, kills=seed % 4)
    while True:
        try:
            outcome = world.replacement().run(patience=7200)
        except KilledError:
            world.pass_time(world.random.uniform(0, 600))
            continue
        break
    assert world.pipe.wanted
    assert outcome.replaced or seed % 4
    world.finish()
    assert doubled(world) == set()
    assert set(world.rows) == set(world.bucket) - {"expired"}
    assert outcome.expired == 1


def test_what_a_pipe_could_not_load_is_copied_past_it():
    world = World(3)
    world.replacement().run(patience=7200)
    world.bucket["bad"] = world.now
    world.pipe.known.add("bad")  # it has tried
    world.bad = {"bad"}
    outcome = world.replacement().run(patience=7200)
    world.finish()
    assert "bad" in outcome.copied
    assert world.rows.count("bad") == 1


def test_the_world_finds_what_a_step_left_out_would_do():
    """Without waiting for loads under way, or told of everything, objects are loaded twice; told of nothing, lost."""
    hasty, everything, nothing = set(), set(), set()
    for seed in range(60):
        world = World(seed)
        world.replacement(settle=0).run(patience=7200)
        world.finish()
        hasty |= doubled(world)
        world = World(seed)
        world.pause()
        world.pass_time(2 * SETTLE)
        world.replace()
        for entry in world.stored():
            world.refresh(entry.key)
        world.finish()
        everything |= doubled(world)
        world = World(seed)
        world.replace()
        world.finish()
        nothing |= set(world.bucket) - set(world.rows) - {"expired"}
    assert everything
    assert nothing
    assert hasty


def test_what_does_not_arrive_is_named_and_the_next_run_goes_on():
    world = World(1)
    world.refresh = lambda key: None
    world.notices.clear()
    world.pipe.queue[:0] = ["new-x"]
    world.bucket["new-x"] = world.now
    world.writing = False
    with pytest.raises(WarehouseError, match="objects are not in the table after 60 s, the first") as told:
        world.replacement().run(patience=60)
    assert "It can be run again" in told.value.remedy
    del world.refresh
    assert not world.replacement().run(patience=7200).replaced
    world.finish()
    assert set(world.rows) == set(world.bucket) - {"expired"}
    assert doubled(world) == set()


# --- on the stand-in -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(s3: S3Server) -> Iterator[SnowflakeServer]:
    with patch.dict(os.environ, {ENDPOINT: s3.url}), snowflake_server() as running:
        yield running


@pytest.fixture
def site(server: SnowflakeServer, s3: S3Server, credentials: None) -> SnowflakeAccount:
    """Two chains that are loaded by a pipe of another definition; and objects that it was told of while paused."""
    made = account(server, s3)
    made.run()
    old = made.setup.pipe("raw_events").replace("create pipe if not exists", "create or replace pipe")
    made.sql(old.replace("on_error = skip_file", "on_error = abort_statement"))
    made.notify([*made.put(0), *made.put(1)])
    return made


def replace(site: SnowflakeAccount, *words: str) -> dict[str, object]:
    code, output, errors = site.ingest("snowflake", "replace-pipe", *words, "--settle", "0", "--output", "json")
    assert code == 0, errors
    return json.loads(output)


def rows(site: SnowflakeAccount) -> tuple[int, int]:
    names = site.setup.names
    ((count, distinct),) = site.sql(f"select count(*), count(distinct _file || _file_row) from {names['raw_events']}")  # noqa: S608
    return count, distinct


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_pipe_is_replaced_and_nothing_is_loaded_twice(site):
    site.put(0, batches=1)  # nobody is notified of it
    assert replace(site, "raw_events") == {"as_rendered": False, "missing": 1, "expired": 0, "applied": False}
    assert rows(site) == (24, 24)
    applied = replace(site, "raw_events", "--apply")
    assert applied == {"replaced": True, "refreshed": 1, "copied": 0, "expired": 0, "applied": True}
    assert rows(site) == (28, 28)
    site.notify(site.put(1, batches=1))
    assert rows(site) == (32, 32)
    assert replace(site, "raw_events", "--apply") == {
        "replaced": False,
        "refreshed": 0,
        "copied": 0,
        "expired": 0,
        "applied": True,
    }
    assert replace(site, "job_runs") == {"as_rendered": True, "missing": 0, "expired": 0, "applied": False}
    code, output, _ = site.ingest("verify", "--without", "broker", "--complete")
    assert (code, output.splitlines()[-1]) == (0, "Sound: 8 objects, by their metadata.")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_replacement_that_was_interrupted_is_taken_up(site):
    pipe = site.setup.names["raw_events_pipe"]
    site.sql(f"alter pipe {pipe} set pipe_execution_paused = true")
    site.notify(site.put(0, batches=2))
    assert rows(site) == (24, 24)
    assert replace(site, "raw_events", "--apply")["refreshed"] == 2
    assert rows(site) == (32, 32)
    site.sql(f"alter pipe {pipe} set pipe_execution_paused = true")
    assert replace(site, "raw_events", "--apply")["replaced"] is False
    assert '"RUNNING"' in site.sql(f"select system$pipe_status('{pipe}')")[0][0]
