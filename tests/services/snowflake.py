"""A stand-in for Snowflake on this machine: fakesnow in a process of its own, on a free port of 127.0.0.1.

DuckDB answers behind Snowflake's connector. So it shows that adapter, connector and SQL work together, and what the
SQL gives. What only Snowflake can tell (its JSON parser, its decimals, rights, warehouses) it does not show.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import snowflake.connector
from snowflake.connector import SnowflakeConnection

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SnowflakeServer:
    """A running stand-in. Any user and password do; a database is made when somebody asks for it."""

    port: int

    @contextmanager
    def connect(self, database: str) -> Iterator[SnowflakeConnection]:
        connection = snowflake.connector.connect(
            account="stand-in",
            user="test",
            password="test",
            host="127.0.0.1",
            port=self.port,
            protocol="http",
            database=database,
            login_timeout=30,
            network_timeout=60,  # the connector's own bound is none
            session_parameters={"CLIENT_TELEMETRY_ENABLED": False},
        )
        with closing(connection):
            yield connection


@contextmanager
def snowflake_server() -> Iterator[SnowflakeServer]:
    """Start a stand-in, and end it on leaving. Takes seconds: share it within a module."""
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.services.snowflake_stand_in"],
            stdin=subprocess.PIPE,  # its end is the process's end, however this one ends
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=_ROOT,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            log.seek(0)
            raise RuntimeError(f"the Snowflake stand-in did not start:\n{log.read()}")
        try:
            yield SnowflakeServer(int(port))
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
