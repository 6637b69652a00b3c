"""mastery_deltas: how each piece of evidence moves what is known of a learner's mastery of a target.

Figures are rounded to nine decimals from doubles; an engine that adds in another order may differ by 1e-9 in a
mastery or a confidence, and by 2e-9 in a delta.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from tests.dbt.reference.events import Event, event_order
from tests.dbt.reference.figures import nine_decimals
from tests.dbt.reference.sessions import Session, SessionKey
from tests.dbt.reference.settings import Settings
from tests.dbt.reference.times import local_date

_TOLERATED_DISAGREEMENT = Decimal("0.001")


class MasteryRow(NamedTuple):
    tenant_id: str
    learner_id: str
    content_type: str
    content_id: str
    trigger_event_id: str
    trigger_event_type: str
    session_key: SessionKey
    evidence_at: datetime
    evidence_count: int
    previous_mastery: Decimal | None
    current_mastery: Decimal
    mastery_delta: Decimal | None
    confidence_score: Decimal | None
    mastery_method: str
    is_initial: bool
    regraded: bool
    continuity_gap: bool
    partition_date: date


class _Evidence(NamedTuple):
    event: Event
    session_key: SessionKey
    value: float  #: the reported mastery, or the score
    regraded: bool = False

    @property
    def is_report(self) -> bool:
        return self.event.event_type == "mastery_updated"


class _Figures(NamedTuple):
    mastery: Decimal
    confidence: Decimal | None
    before: Decimal | None  #: the mastery before, where it was reported


def mastery_rows(sessions: Iterable[Session], settings: Settings) -> list[MasteryRow]:
    rows: list[MasteryRow] = []
    for target, evidence in _evidence(sessions).items():
        reports = [each for each in evidence if each.is_report]
        counting = _without_regraded(reports or evidence)
        figures = _reported(counting) if reports else _decayed_mean(counting, settings)
        rows += _chain(target, counting, figures, settings)
    return rows


def _evidence(sessions: Iterable[Session]) -> dict[tuple[str, ...], list[_Evidence]]:
    """All evidence by tenant, learner and target."""
    about: dict[tuple[str, ...], list[_Evidence]] = defaultdict(list)
    for session in sessions:
        for event in session.events:
            target, value = _target(event), _value(event)
            if target is not None and value is not None:
                about[event.tenant_id, event.learner_id, *target].append(_Evidence(event, session.key, value))
    return about


def _target(event: Event) -> tuple[str, str] | None:
    skill, item, assessment = event.named("skill_id"), event.named("item_id"), event.named("assessment_id")
    if event.event_type in ("mastery_updated", "item_answered") and skill is not None:
        return ("skill", skill)
    if event.event_type == "mastery_updated" and event.content_type and event.content_id is not None:
        return (event.content_type, event.content_id)
    if event.event_type == "item_answered" and item is not None:
        return ("item", item)
    if event.event_type == "assessment_complete" and assessment is not None:
        return ("assessment", assessment)
    return None


def _value(event: Event) -> float | None:
    return event.reported("mastery_after") if event.event_type == "mastery_updated" else event.score.scaled


def _without_regraded(evidence: list[_Evidence]) -> list[_Evidence]:
    """In order; of one attempt at one item only the last, at its own time."""
    attempts: dict[tuple[object, ...], list[_Evidence]] = defaultdict(list)
    for each in sorted(evidence, key=lambda one: event_order(one.event)):
        attempt = each.event.attempt_no
        # Evidence without an attempt is an attempt of its own.
        key = (each.event.event_id,) if attempt is None else (attempt, each.event.named("item_id"))
        attempts[key].append(each)
    last = [grades[-1]._replace(regraded=len(grades) > 1) for grades in attempts.values()]
    return sorted(last, key=lambda one: event_order(one.event))


def _reported(evidence: list[_Evidence]) -> Iterator[_Figures]:
    for each in evidence:
        before, confidence = each.event.reported("mastery_before"), each.event.reported("confidence")
        yield _Figures(
            nine_decimals(each.value),
            None if confidence is None else nine_decimals(confidence),
            None if before is None else nine_decimals(before),
        )


def _decayed_mean(evidence: list[_Evidence], settings: Settings) -> Iterator[_Figures]:
    """W and S by their recurrences, which only ever shrink the past: no power of the decay can overflow."""
    prior, prior_weight = settings.mastery_prior, settings.mastery_prior_weight
    weight = total = 0.0
    for each in evidence:
        weight = settings.mastery_decay * weight + 1
        total = settings.mastery_decay * total + each.value
        mastery = (prior_weight * prior + total) / (prior_weight + weight)
        yield _Figures(nine_decimals(mastery), nine_decimals(weight / (prior_weight + weight)), None)


def _chain(
    target: tuple[str, ...], evidence: list[_Evidence], figures: Iterable[_Figures], settings: Settings
) -> Iterator[MasteryRow]:
    """The rows of one learner's target: each begins where the one before ended, unless a report says otherwise."""
    ended: Decimal | None = None
    for count, (each, figure) in enumerate(zip(evidence, figures, strict=True), start=1):
        disagrees = _disagree(figure.before, ended)
        previous = figure.before if ended is None or disagrees else ended
        tenant_id, learner_id, content_type, content_id = target
        yield MasteryRow(
            *(tenant_id, learner_id, content_type, content_id, each.event.event_id, each.event.event_type),
            *(each.session_key, each.event.event_at, count, previous, figure.mastery),
            mastery_delta=None if previous is None else figure.mastery - previous,
            confidence_score=figure.confidence,
            mastery_method="reported" if each.is_report else "decayed_mean",
            is_initial=count == 1,
            regraded=each.regraded,
            continuity_gap=disagrees,
            partition_date=local_date(each.event.event_at, settings.reporting_timezone),
        )
        ended = figure.mastery


def _disagree(before: Decimal | None, ended: Decimal | None) -> bool:
    return before is not None and ended is not None and abs(before - ended) > _TOLERATED_DISAGREEMENT
