"""What the report asks the warehouse: one file of SQL a question, and the row that answers it.

The SQL means the same to DuckDB and Snowflake. What stands in `{{ }}` is filled in with times and numbers of our own,
so that a statement that is shown is, to the letter, the one that ran.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final, Generic, TypeVar

from ingest.report_rows import (
    Account,
    Activity,
    Bands,
    Bounds,
    Completion,
    Latency,
    Lateness,
    Length,
    Mastery,
    Model,
    Quarantine,
    Run,
    Score,
    Sessions,
    Stage,
    Topic,
)

#: Answers a statement with its rows.
Select = Callable[[str], Sequence[tuple[Any, ...]]]
Row = TypeVar("Row")
_PLACE: Final = re.compile(r"\{\{ (\w+) \}\}")
_MODEL: Final = re.compile(r"\b(?:from|join) ((?:analytics|staging)\.\w+)")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Row]):
    """The rows, and the statement that they answer."""

    sql: str
    rows: list[Row]

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the statement reads, as written in it."""
        return tuple(dict.fromkeys(_MODEL.findall(self.sql)))


#: Each question by the name of its file, with what a row of its answer is.
QUESTIONS: Final[Mapping[str, type[Any]]] = {
    "models": Model,
    "bounds": Bounds,
    "account": Account,
    "quarantine": Quarantine,
    "stages": Stage,
    "runs": Run,
    "minutes": Activity,
    "minute_bands": Bands,
    "periods": Activity,
    "period_bands": Bands,
    "session_summary": Sessions,
    "session_lengths": Length,
    "mastery": Mastery,
    "completion": Completion,
    "lowest_completion": Completion,
    "scores": Score,
    "latency": Latency,
    "topic": Topic,
    "lateness": Lateness,
}


def ask(select: Select, question: str, **values: datetime | date | int | str) -> Answer[Any]:
    """Fill in a question, and have it answered."""
    row, sql = QUESTIONS[question], statement(question, **values)
    return Answer(sql, [row(*map(_plain, found)) for found in select(sql)])


def statement(question: str, **values: datetime | date | int | str) -> str:
    """The SQL of a question. Raises KeyError for a value that it lacks."""
    return _PLACE.sub(lambda place: str(values[place[1]]), _text(question)).strip()


@cache
def _text(question: str) -> str:
    return files("ingest").joinpath(f"templates/report/{question}.sql").read_text(encoding="utf-8")


def _plain(value: Any) -> Any:
    """A value alike from both warehouses: times naive in UTC, decimals as the numbers that they are."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
