"""The whole way on one machine, and the account of it: `make demo`.

Every step is a command that a user would type, run as it stands. The account at the end holds what was sent,
stored, loaded and modelled against what the generator knows of its events.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ingest.database import query
from ingest.errors import BrokerError, IngestError, SettingsError, WarehouseError
from ingest.kafka import client_settings, ensure_topic

Echo = Callable[[str], object]

_MARK: Final = ".made-by-ingest-demo"
_TOPIC: Final = "events_raw"
_DBT: Final = Path("dbt_project")
_FIRST: Final = "1  A Kafka broker in memory, the consumer on it, and learners with trouble in them"
_SECOND: Final = "2  Objects into DuckDB, as Snowpipe does into Snowflake; then every offset is accounted for"
_RECORDS_A_SECOND: Final = 2000  # slower than this, something hangs

_COUNTS: Final = """
    select
        (select count(*) from raw.raw_events) as loaded,
        (select count(*) from (select distinct _topic_id, _partition, _offset from raw.raw_events)) as distinct_rows,
        (select count(*) from staging.stg_events) as events,
        (select count(*) from staging.stg_removed_duplicates) as duplicates,
        (select count(*) from staging.stg_quarantined_records) as quarantined,
        (select sum(total_events)::bigint from analytics.minute_metrics) as counted,
        (select sum(total_events)::bigint from analytics.session_metrics) as in_sessions,
        (select count(*) from staging.stg_events where event_type = 'heartbeat') as heartbeats
"""
_REASONS: Final = "select _error, count(*) from raw.raw_events where _error is not null group by all order by all"
_ASK: Final = "select event_type, count(*) from staging.stg_events group by all order by 2 desc"
_BUSIEST: Final = """
    select
        strftime(minute_timestamp, '%Y-%m-%d %H:%M') as "minute (UTC)",
        count(distinct (tenant_id, learner_id)) as learners,
        sum(total_events)::bigint as events,
        sum(lessons_completed)::bigint as lessons,
        sum(items_answered)::bigint as items,
        round(sum(time_spent_seconds) / 60.0, 1) as "minutes spent"
    from analytics.minute_metrics
    group by minute_timestamp
    order by events desc, minute_timestamp
    limit 5
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the account: two figures that must be equal, and what they are."""

    what: str
    of: str
    expected: int
    found: int

    @property
    def balances(self) -> bool:
        """Whether they are."""
        return self.expected == self.found


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


def run(events: int, seed: int, data: Path, monotonic: Callable[[], float], echo: Echo) -> int:
    """Play the demo; answers the exit code: 0 if the account balances, 4 if it does not."""
    if not (_DBT / "dbt_project.yml").exists():
        raise SettingsError("the demo runs in a checkout of the project", "cd to it, then: make demo")
    began = monotonic()
    _make_anew(data)
    truth_file, warehouse = data / "truth.json", data / "warehouse.duckdb"
    store = str(data / "objects")

    with _broker() as address:
        commands = _Commands(address, echo)
        with _timed(echo, monotonic, _FIRST):
            sent, stored = _send_and_store(commands, events, seed, store, truth_file)
        with _timed(echo, monotonic, _SECOND):
            verified = _load_and_verify(commands, store, warehouse)

    with _timed(echo, monotonic, "3  dbt: events, sessions, minutes, mastery, content and health, with their tests"):
        echo(f"     $ cd {_DBT} && dbt build")
        echo(f"     {_dbt_build(warehouse)}")

    account = [
        *_account(events, sent, stored, json.loads(truth_file.read_text()), warehouse),
        Line("discrepancies that verify finds", "allowed", 0, len(verified["discrepancies"])),
    ]
    _show(echo, warehouse, account)
    balanced = all(line.balances for line in account)
    echo(f"\n{'The account balances' if balanced else 'THE ACCOUNT DOES NOT BALANCE'} ({monotonic() - began:.0f} s).")
    if balanced:
        _next_steps(echo, warehouse)
    return 0 if balanced else 4


def _send_and_store(
    commands: _Commands, events: int, seed: int, store: str, truth: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Send records while a consumer stores them; what both say of it."""
    commands.echo("     $ ingest broker")
    ensure_topic(client_settings(commands.bootstrap), _TOPIC, 4, timeout=30)
    consumer = commands.start("consume", "--store", store, "--max-records", str(events))
    sent = commands.run("produce", "--synthetic", str(events), "--seed", str(seed), "--truth", str(truth))
    patience = 60 + events / _RECORDS_A_SECOND
    stored = commands.result(consumer, "consume", (0, 1), patience)  # 1: some were quarantined
    commands.echo(
        f"     {sent['records']:,} records sent, {stored['records']:,} stored in {stored['objects']} objects"
    )
    return sent, stored


def _load_and_verify(commands: _Commands, store: str, warehouse: Path) -> dict[str, Any]:
    """Load all objects, and hold everything against each other; what `ingest verify` says."""
    both = ("--store", store, "--warehouse", str(warehouse))
    loaded = commands.run("load", *both)
    commands.echo(f"     {loaded['rows']:,} rows from {loaded['objects']} objects")
    verified = commands.result(commands.start("verify", "--complete", "--deep", *both), "verify", (0, 4), None)
    found = len(verified["discrepancies"])
    commands.echo(f"     {found} discrepancies between broker, objects, load history and rows")
    return verified


def _make_anew(data: Path) -> None:
    """Empty the folder, if an earlier demo has made it; never anybody's own."""
    if data.exists() and any(data.iterdir()):
        if not (data / _MARK).exists():
            raise SettingsError(
                f"{data} holds something that no demo has made", "Move it away, or name another: --data FOLDER."
            )
        shutil.rmtree(data)
    data.mkdir(parents=True, exist_ok=True)
    (data / _MARK).write_text("`ingest demo` empties this folder when it runs again.\n")


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


def _dbt_build(warehouse: Path) -> str:
    """Build the dbt project over the warehouse; answers dbt's own closing line."""
    words = [str(Path(sys.executable).parent / "dbt"), "--no-use-colors", "--log-format", "text", "build"]
    env = os.environ | {"DUCKDB_PATH": str(warehouse.resolve())}
    done = subprocess.run(words, cwd=_DBT, env=env, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines() or [""]
    if done.returncode:
        tail = "\n".join(lines[-30:]) + done.stderr[-2000:]
        raise WarehouseError(f"dbt build failed:\n{tail}", f"Run it by hand: cd {_DBT} && dbt build")
    return next(line.split("  ", 1)[-1] for line in reversed(lines) if "PASS=" in line)


def _account(
    events: int, sent: Mapping[str, Any], stored: Mapping[str, Any], truth: Mapping[str, Any], warehouse: Path
) -> list[Line]:
    columns, rows = query(warehouse, _COUNTS)
    counts = dict(zip(columns, rows[0], strict=True))
    reasons = dict(query(warehouse, _REASONS)[1])
    malformed, again = sum(truth["malformed"].values()), truth["duplicates"] + truth["conflicts"]
    return [
        Line("acknowledged by the broker", "records sent", events, sent["records"]),
        Line("stored in objects", "records sent", events, stored["records"]),
        Line("loaded into the warehouse", "records sent", events, counts["loaded"]),
        Line("different (topic, partition, offset)", "records sent", events, counts["distinct_rows"]),
        Line(
            "quarantined, each for the right reason",
            "made malformed",
            malformed,
            _agreeing(truth["malformed"], reasons),
        ),
        Line("removed as duplicates", "sent again", again, counts["duplicates"]),
        Line("events in the models", "different events", truth["distinct_events"], counts["events"]),
        Line(
            "counted in minutes, but for heartbeats",
            "of them",
            counts["events"] - counts["heartbeats"],
            counts["counted"],
        ),
        Line("counted in sessions", "in minutes", counts["counted"], counts["in_sessions"]),
    ]


def _agreeing(expected: Mapping[str, int], found: Mapping[str, int]) -> int:
    """How many quarantined rows there are, less those with a reason that is none or too often given."""
    return sum(min(count, expected.get(reason, 0)) for reason, count in found.items())


def _show(echo: Echo, warehouse: Path, account: Sequence[Line]) -> None:
    echo(f"\n{'The account':40} {'found':>11}   {'expected':>11}")
    for line in account:
        sign = "=" if line.balances else "≠"
        echo(f"  {line.what:38} {line.found:>11,} {sign} {line.expected:>11,} {line.of}")
    echo("\nQuarantined, by reason, with the bytes kept")
    reasons: dict[str, int] = {}
    for error, count in query(warehouse, _REASONS)[1]:
        reason = error.partition(":")[0]
        reasons[reason] = reasons.get(reason, 0) + count
    echo("  " + "   ".join(f"{reason} {count}" for reason, count in reasons.items()))
    echo("\nThe five busiest minutes (analytics.minute_metrics)")
    columns, rows = query(warehouse, _BUSIEST)
    _table(echo, columns, [[str(cell) for cell in row] for row in rows])


def _table(echo: Echo, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        echo("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _next_steps(echo: Echo, warehouse: Path) -> None:
    echo("\nNext")
    echo('  your own events      docs/operations.md, "Your own events"')
    echo(f"  ask the warehouse    {warehouse}: any DuckDB client, or")
    echo(f"     .venv/bin/python -c \"import duckdb; duckdb.connect('{warehouse}').sql('{_ASK}').show()\"")
    echo("  the models' docs     make docs, then open site/index.html")
    echo("  change a model       dbt_project/models/marts/minute_metrics.sql, then:")
    echo("     cd dbt_project && ../.venv/bin/dbt build --full-refresh -s minute_metrics+")
    echo("  the tests            make test")
