"""What every metric is, worked out in plain Python from a mart's rows: what the LookML's SQL must come to as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import median
from typing import Any

Row = dict[str, Any]
Figure = Callable[[Sequence[Row]], Any]


def _numbers(rows: Sequence[Row], *columns: str) -> list[Fraction]:
    return [Fraction(row[name]) for row in rows for name in columns if row[name] is not None]


def total(*columns: str) -> Figure:
    """The sum of these columns; nothing where there is no number."""
    return lambda rows: sum(numbers) if (numbers := _numbers(rows, *columns)) else None


def mean(column: str) -> Figure:
    return lambda rows: sum(numbers) / len(numbers) if (numbers := _numbers(rows, column)) else None


def weighted(value: str, weight: str) -> Figure:
    """The sum of value times weight, over rows with both."""
    return lambda rows: sum(products) if (products := _products(rows, value, weight)) else None


def _products(rows: Sequence[Row], value: str, weight: str) -> list[Fraction]:
    return [Fraction(r[value]) * Fraction(r[weight]) for r in rows if r[value] is not None and r[weight] is not None]


def share(above: Figure, below: Figure) -> Figure:
    def figure(rows: Sequence[Row]) -> Any:
        over, under = above(rows), below(rows)
        return Fraction(over) / Fraction(under) if over is not None and under else None

    return figure


def learners(rows: Sequence[Row]) -> int:
    return len({(row["tenant_id"], row["learner_id"]) for row in rows})


def _with_figures(rows: Sequence[Row]) -> Any:
    return total("learners_affected")([row for row in rows if row["avg_current_mastery"] is not None])


def _failed(rows: Sequence[Row]) -> int | None:
    return sum(row["status"] == "failed" or row["is_silent"] for row in rows) if rows else None


def _worst(rows: Sequence[Row]) -> Any:
    return max(_numbers(rows, "received_to_loaded_p95_seconds"), default=None)


def _hours(rows: Sequence[Row]) -> Any:
    return sum(_numbers(rows, "time_spent_seconds")) / Fraction(3600)


_COMPLETED = total("lessons_completed", "assessments_completed")
_ATTEMPTED = total("lessons_attempted", "assessments_attempted")

FIGURES: dict[str, dict[str, Figure]] = {
    "session_metrics": {
        "sessions": len,
        "active_learners": learners,
        "average_session_minutes": lambda rows: mean("duration_seconds")(rows) / 60,
        "median_session_minutes": lambda rows: median(_numbers(rows, "duration_seconds")) / 60,
        "active_seconds": total("active_seconds"),
        "content_attempted": _ATTEMPTED,
        "content_completed": _COMPLETED,
        "session_completion_rate": share(_COMPLETED, _ATTEMPTED),
    },
    "minute_metrics": {
        "events": total("total_events"),
        "page_views": total("page_views"),
        "interactions": total("interactions"),
        "lessons_started_events": total("lessons_started"),
        "lessons_completed_events": total("lessons_completed"),
        "assessments_started_events": total("assessments_started"),
        "assessments_completed_events": total("assessments_completed"),
        "items_answered_events": total("items_answered"),
        "resources_accessed_events": total("resources_accessed"),
        "error_events": total("errors"),
        "active_hours": _hours,
        "learners_by_minute": learners,
    },
    "learner_activity_summary": {
        "learner_days": len,
        "learners_by_day": learners,
        "learner_hours": total("hours_spent"),
        "learner_events": total("daily_events"),
        "sessions_begun": total("sessions_started"),
        "hours_per_learner_day": share(total("hours_spent"), len),
    },
    "content_performance": {
        "content_starts": total("starts"),
        "content_completions": total("completions"),
        "learner_days_attempted": total("learners_attempted"),
        "learner_days_completed": total("learners_completed"),
        "content_completion_rate": share(total("learners_completed"), total("learners_attempted")),
        "graded_attempts": total("graded_attempts"),
        "score_points": weighted("avg_assessment_score", "graded_attempts"),
        "average_score": share(weighted("avg_assessment_score", "graded_attempts"), total("graded_attempts")),
    },
    "content_mastery_trends": {
        "mastery_learner_days": _with_figures,
        "mastery_points": weighted("avg_current_mastery", "learners_affected"),
        "learner_days_improved": total("learners_improved"),
        "learner_days_declined": total("learners_declined"),
        "average_mastery": share(weighted("avg_current_mastery", "learners_affected"), _with_figures),
        "improved_share": share(total("learners_improved"), _with_figures),
    },
    "mastery_deltas": {"mastery_evidence": len, "average_mastery_gain": mean("mastery_delta")},
    "etl_job_status": {"job_runs": len, "failed_job_runs": _failed},
    "pipeline_latency": {"worst_latency_seconds": _worst, "records_loaded": total("records")},
    "data_quality_daily": {
        "records_ingested": total("records"),
        "records_quarantined": total("quarantined"),
        "records_removed_as_duplicates": total("duplicates"),
        "events_ingested": total("events"),
        "late_events": total("late"),
        "events_of_unknown_type": total("unknown_types"),
        "quarantined_rate": share(total("quarantined"), total("records")),
        "duplicate_rate": share(total("duplicates"), total("records")),
        "late_event_share": share(total("late"), total("events")),
        "unknown_type_share": share(total("unknown_types"), total("events")),
    },
    "event_id_conflicts": {"conflicting_event_ids": len, "conflicting_records": total("records")},
}
