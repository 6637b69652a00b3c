"""The report: one page of what the warehouse holds, from the same questions to DuckDB and to Snowflake.

Everything is counted, averaged and cut short in SQL, so that the page stays small however much there is. No learner's
id is read into it: learners are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest import report_activity, report_latency, report_learning, report_pipeline
from ingest.errors import WarehouseUnseen
from ingest.report_page import Front, page
from ingest.report_questions import QUESTIONS, Answer, ask, statement
from ingest.report_rows import Account, Bounds

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.report_figures import Figure
    from ingest.report_questions import Select

_STAGED: Final = "staging.stg_records"
_REMEDY: Final = "Build the models: `cd dbt_project && dbt build`. On Snowflake, also look at what the role may read."


@dataclass(frozen=True, slots=True)
class Report:
    """The page, and what is on it."""

    html: str
    account: Account
    figures: tuple[Figure, ...]

    @property
    def balances(self) -> bool:
        """Whether every record that was loaded is accounted for."""
        return report_pipeline.balances(self.account)


def report(select: Select, where: str, now: datetime, version: str) -> Report:
    """Ask everything, and write the page; `where` is the warehouse, for people, `version` ours.

    Raises `WarehouseUnseen` if a model is not there.
    """
    staged = _present(select, where)
    account: Answer[Account] = ask(select, "account")
    bounds: Answer[Bounds] = ask(select, "bounds")
    figures = _figures(select, bounds.rows[0], account.rows[0], staged=staged)
    front = Front(where, now, bounds, account, report_pipeline.balances(account.rows[0]), version)
    return Report(page(front, figures), account.rows[0], figures)


def _present(select: Select, where: str) -> bool:
    """Whether staging can be seen, too."""
    there = {".".join(row) for row in ask(select, "models").rows}
    read = {model for question in QUESTIONS for model in Answer(statement(question, **_ANY), []).models}
    missing = sorted(read - there - {_STAGED})
    if missing:
        raise WarehouseUnseen(f"{where} has no {', '.join(missing)}, or not for this user", _REMEDY)
    return _STAGED in there


_ANY: Final[dict[str, str | int]] = {"since": "", "after": "", "unit": "", "rows": 0, "least": 0}


def _figures(select: Select, bounds: Bounds, account: Account, *, staged: bool) -> tuple[Figure, ...]:
    last = bounds.last_minute
    return (
        report_activity.minutes(select, last, staged=staged),
        report_activity.periods(select, bounds.first_minute, last, staged=staged),
        report_activity.sessions(select, last),
        report_learning.mastery(select, bounds.last_evidence),
        report_learning.completion(select, last),
        report_learning.scores(select, last),
        report_latency.latency(select, bounds.last_load, staged=staged),
        report_latency.lateness(select, staged=staged),
        report_pipeline.quarantine(select, account),
        report_pipeline.runs(select),
    )
