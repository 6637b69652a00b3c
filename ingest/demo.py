"""The whole way on one machine, and the account of it: `make demo`.

Every step is a command that a user would type, run as it stands. The account at the end holds what was sent,
stored, loaded and modelled against what the generator knows of its events.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ingest.demo_account import Echo, Line, account_of, show
from ingest.demo_folder import make_anew, note_chains
from ingest.errors import BrokerError, IngestError, SettingsError, WarehouseError
from ingest.kafka import client_settings, ensure_topic

_TOPIC: Final = "events_raw"
_DBT: Final = Path("dbt_project")
_FIRST: Final = "1  A Kafka broker in memory, the consumer on it, and learners with trouble in them"
_THIRD: Final = "3  dbt: events, sessions, minutes, mastery, content and health, with their tests"
_FOURTH: Final = "4  What came of it, as pages"
_SECOND: Final = "2  Objects into DuckDB, as Snowpipe does into Snowflake; then every offset is accounted for"
#: Shares of trouble: enough that every minute has some.
_CHAOS: Final = {"late": "0.1", "duplicates": "0.05", "conflicts": "0.01", "skewed": "0.2", "malformed": "0.03"}
_PROGRESS: Final = re.compile(r"(\d+) of (\d+) (?!START)[A-Z]+ ")
_RECORDS_A_SECOND: Final = 2000  # slower than this, something hangs

_ASK: Final = "select event_type, count(*) from staging.stg_events group by all order by 2 desc"


@dataclass(frozen=True, slots=True)
class _Commands:
    """Runs our own commands against one broker, and answers their JSON."""

    bootstrap: str
    echo: Echo

    def run(self, *words: str) -> dict[str, Any]:
        return self.result(self.start(*words), words[0], (0,), None)

    def start(self, *words: str) -> subprocess.Popen[str]:
        self.echo(f"     $ ingest {' '.join(words)}")
        own = {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap, "KAFKA_TOPIC_EVENTS_RAW": _TOPIC, "LOG_LEVEL": "WARNING"}
        words = (sys.executable, "-m", "ingest", *words, "--output", "json")
        return subprocess.Popen(words, env=os.environ | own, stdout=subprocess.PIPE, text=True)

    def result(
        self, process: subprocess.Popen[str], name: str, codes: Sequence[int], patience: float | None
    ) -> dict[str, Any]:
        try:
            output, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired as error:
            process.terminate()
            process.wait()
            raise BrokerError(
                f"ingest {name} has not seen all records after {patience:.0f} s",
                "The embedded broker keeps little in memory: try fewer EVENTS, or a real broker (make kafka-up).",
            ) from error
        if process.returncode not in codes:
            raise IngestError(f"ingest {name} ended with exit code {process.returncode}", "Its message is above.")
        answer: dict[str, Any] = json.loads(output)
        return answer


@dataclass(frozen=True, slots=True)
class Play:
    """What is played: so many records, made from a seed, into a folder that is made anew; `chaos` is more trouble."""

    events: int
    seed: int
    data: Path
    chaos: bool = False

    @property
    def store(self) -> str:
        """The folder of the objects."""
        return str(self.data / "objects")

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.data / "warehouse.duckdb"

    @property
    def dbt(self) -> Path:
        """Where dbt writes, apart from what the project has there."""
        return self.data / "dbt"

    @property
    def trouble(self) -> tuple[str, ...]:
        """Options of `ingest produce`."""
        return tuple(word for name, share in _CHAOS.items() for word in (f"--{name}", share)) if self.chaos else ()


def run(play: Play, monotonic: Callable[[], float], echo: Echo, live: Echo) -> int:
    """Play the demo; answers the exit code: 0 if the account balances, 4 if it does not.

    `echo` tells a line, `live` what goes on at the moment, for as long as it does.
    """
    if not (_DBT / "dbt_project.yml").exists():
        raise SettingsError("the demo runs in a checkout of the project", "cd to it, then: make demo")
    began = monotonic()
    make_anew(play.data, Path(play.store), echo)
    with _broker() as address:
        commands = _Commands(address, echo)
        with _timed(echo, monotonic, _FIRST):
            sent, stored = _send_and_store(commands, play)
        note_chains(play.data, Path(play.store))
        with _timed(echo, monotonic, _SECOND):
            verified = _load_and_verify(commands, play)
    with _timed(echo, monotonic, _THIRD):
        echo(f"     $ cd {_DBT} && dbt build")
        echo(f"     {_dbt(play, live, 'build')}")
    with _timed(echo, monotonic, _FOURTH):
        pages = _pages(commands, play, live)
    truth = json.loads((play.data / "truth.json").read_text())
    account = [
        *account_of(play.events, sent, stored, truth, play.warehouse),
        Line("discrepancies that verify finds", "allowed", 0, len(verified["discrepancies"])),
    ]
    show(echo, play.warehouse, account)
    balanced = all(line.balances for line in account)
    echo(f"\n{'The account balances' if balanced else 'THE ACCOUNT DOES NOT BALANCE'} ({monotonic() - began:.0f} s).")
    if balanced:
        _next_steps(echo, play.warehouse, *pages)
    return 0 if balanced else 4


def _send_and_store(commands: _Commands, play: Play) -> tuple[dict[str, Any], dict[str, Any]]:
    """Send records while a consumer stores them; what both say of it."""
    commands.echo("     $ ingest broker")
    ensure_topic(client_settings(commands.bootstrap), _TOPIC, 4, timeout=30)
    consumer = commands.start("consume", "--store", play.store, "--max-records", str(play.events))
    truth = str(play.data / "truth.json")
    made = ("--synthetic", str(play.events), "--seed", str(play.seed), *play.trouble, "--truth", truth)
    sent = commands.run("produce", *made)
    patience = 60 + play.events / _RECORDS_A_SECOND
    stored = commands.result(consumer, "consume", (0, 1), patience)  # 1: some were quarantined
    commands.echo(
        f"     {sent['records']:,} records sent, {stored['records']:,} stored in {stored['objects']} objects"
    )
    return sent, stored


def _load_and_verify(commands: _Commands, play: Play) -> dict[str, Any]:
    """Load all objects, and hold everything against each other; what `ingest verify` says."""
    both = ("--store", play.store, "--warehouse", str(play.warehouse))
    loaded = commands.run("load", *both)
    commands.echo(f"     {loaded['rows']:,} rows from {loaded['objects']} objects")
    verified = commands.result(commands.start("verify", "--complete", "--deep", *both), "verify", (0, 4), None)
    found = len(verified["discrepancies"])
    commands.echo(f"     {found} discrepancies between broker, objects, load history and rows")
    return verified


def _pages(commands: _Commands, play: Play, live: Echo) -> tuple[Path, Path]:
    """The report, and the page of the models; where they are."""
    report, models = play.data / "report.html", play.data / "models.html"
    commands.run("report", "--warehouse", str(play.warehouse), "--out", str(report))
    commands.echo(f"     $ cd {_DBT} && dbt docs generate --static")
    _dbt(play, live, "docs", "generate", "--static")
    shutil.copy(play.dbt / "static_index.html", models)
    return report, models


@contextmanager
def _timed(echo: Echo, monotonic: Callable[[], float], title: str) -> Iterator[None]:
    echo(f"\n{title}")
    began = monotonic()
    yield
    echo(f"     {monotonic() - began:.1f} s")


@contextmanager
def _broker() -> Iterator[str]:
    """An embedded broker in a process of its own; its address."""
    words = (sys.executable, "-m", "ingest", "broker")
    process = subprocess.Popen(words, env=os.environ | {"LOG_LEVEL": "WARNING"}, stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip() if process.stdout else ""
        if not address:
            raise BrokerError("the embedded broker did not start", "Its message is above.")
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _dbt(play: Play, live: Echo, *verb: str) -> str:
    """Run dbt over the warehouse; answers its own closing line, if it has one."""
    words = [str(Path(sys.executable).parent / "dbt"), "--no-use-colors", "--log-format", "text", *verb]
    own = {"DUCKDB_PATH": play.warehouse, "DBT_TARGET_PATH": play.dbt, "DBT_LOG_PATH": play.dbt}
    env = os.environ | {name: str(path.resolve()) for name, path in own.items()}
    with subprocess.Popen(
        words, cwd=_DBT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines = []
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if progress := _PROGRESS.search(line):
                live("     {} of {} models and tests".format(*progress.groups()))
    live("")
    if process.returncode:
        tail = "\n".join(lines[-30:])
        raise WarehouseError(
            f"dbt {' '.join(verb)} failed:\n{tail}", f"Run it by hand: cd {_DBT} && dbt {' '.join(verb)}"
        )
    return next((line.split("  ", 1)[-1] for line in reversed(lines) if "PASS=" in line), "")


def _next_steps(echo: Echo, warehouse: Path, report: Path, models: Path) -> None:
    echo("\nOpen")
    echo(f"  {report!s:24} activity, learning, and the account of every record, on one page")
    echo(f"  {models!s:24} every table and column, with its lineage")
    echo(f"  {warehouse!s:24} with any DuckDB client, or")
    echo(f"     .venv/bin/python -c \"import duckdb; duckdb.connect('{warehouse}').sql('{_ASK}').show()\"")
    echo("\nNext")
    echo("  ingest, dbt          . .venv/bin/activate")
    echo('  your own events      docs/operations.md, "Your own events"')
    echo("  change a model       dbt_project/models/marts/minute_metrics.sql, then:")
    echo("     cd dbt_project && ../.venv/bin/dbt build --full-refresh -s minute_metrics+")
    echo("  more trouble         make demo CHAOS=1, or EVENTS=1000000")
    echo("  the tests            make test")
