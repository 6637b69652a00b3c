"""The audit: whether anything is older than it may be, and the bucket's rules do what the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ingest.errors import DependencyError
from ingest.lifecycle import faults
from ingest.retention_layers import Finding, Layer, Taker

if TYPE_CHECKING:
    from datetime import datetime

    from ingest.retention_estate import Estate, Look
    from ingest.retention_layers import Share

#: A view goes by local dates, which begin up to a day before and elsewhere than in UTC.
_DATES: Final = timedelta(days=2)
_REMEDIES: Final = {
    Taker.US: "Run `ingest retention apply`, daily.",
    Taker.BUCKET: "Mend the rules that this audit names. If there are none, wait: S3 may be some days late.",
    Taker.SNOWFLAKE: "Look at what should delete there daily; `ingest retention apply` does it now.",
    Taker.NOBODY: "Build the models with the same realtime_view_days: `dbt build`.",
}
_NOT_LOADED: Final = "Run `ingest load`: objects that are not loaded are kept. Then `ingest retention apply`."


@dataclass(slots=True)
class Audit:
    """What there is, and what of it is wrong. Rules come first, those that lose data before all others."""

    look: Look
    findings: list[Finding] = field(default_factory=list)


def audit(estate: Estate, now: datetime, grace: timedelta, *, rules: bool = True) -> Audit:
    """Hold the oldest of every layer against its horizon and a grace, and the bucket's rules against the settings.

    Whoever takes something may come once a day, and be late: that is what the grace is for.
    """
    found = Audit(estate.look(now))
    if rules and "store" not in found.look.away:
        try:
            found.findings += _rule_faults(estate, grace)
        except DependencyError as error:
            found.look.away["rules"] = error
    found.findings += [finding for share in found.look.shares if (finding := _overdue(share, grace))]
    return found


def _rule_faults(estate: Estate, grace: timedelta) -> list[Finding]:
    bucket, wanted = estate.bucket, estate.wanted(grace.days)
    return faults(bucket.rules(), wanted) if bucket and wanted else []


def _overdue(share: Share, grace: timedelta) -> Finding | None:
    allowed = share.horizon - (_DATES if share.layer is Layer.VIEWS else grace)
    if share.oldest is None or share.oldest >= allowed:
        return None
    age = f"its oldest is of {share.oldest:%Y-%m-%d}, and nothing may be from before {allowed:%Y-%m-%d}"
    if share.layer is Layer.VIEWS:
        return Finding("view_too_far", share.name, age, _REMEDIES[share.taker])
    remedy = _NOT_LOADED if share.unloaded else _REMEDIES[share.taker]
    return Finding("past_retention", f"{share.layer.value} {share.name}", age, remedy)
