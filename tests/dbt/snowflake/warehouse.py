"""A database of the Snowflake stand-in as a dbt warehouse, like tests.dbt.running.Warehouse on DuckDB."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ingest.ddl import RAW_EVENTS
from tests.dbt.projects import copied
from tests.dbt.running import RAW_COLUMNS, Row, Warehouse
from tests.services.snowflake import SnowflakeServer

DATABASE = "AIVO_ANALYTICS"
_PROFILES = Path(__file__).with_name("profiles.yml")


def project_with_stand_in(folder: Path) -> Path:
    """A copy of the dbt project in `folder` that has the stand-in's profile and no other."""
    shutil.copy(_PROFILES, copied(folder))
    return folder


@dataclass(frozen=True, kw_only=True)
class SnowflakeWarehouse(Warehouse):
    """The one database of a stand-in."""

    server: SnowflakeServer

    def create(self) -> None:
        with self.server.connect(DATABASE) as connection:
            cursor = connection.cursor()
            columns = ", ".join(f"{name} {kind}" for name, kind in RAW_EVENTS.items())
            cursor.execute("create schema raw")
            cursor.execute(f"create table raw.raw_events ({columns})")

    def load(self, rows: Sequence[Row]) -> None:
        places = ", ".join("%s" for _ in RAW_COLUMNS)
        values = [[row.get(name) for name in RAW_COLUMNS] for row in rows]
        with self.server.connect(DATABASE) as connection:
            connection.cursor().executemany(f"insert into raw.raw_events values ({places})", values)  # noqa: S608

    def dbt(self, *arguments: str, target: str = "snowflake") -> Any:
        return super().dbt(*arguments, target=target)

    def attempt(self, *arguments: str, target: str = "snowflake") -> Any:
        where = {"SNOWFLAKE_STAND_IN_PORT": str(self.server.port), "SNOWFLAKE_STAND_IN_DATABASE": DATABASE}
        with patch.dict(os.environ, where):
            return super().attempt(*arguments, target=target)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.server.connect(DATABASE) as connection:
            return connection.cursor().execute(query).fetchall()
