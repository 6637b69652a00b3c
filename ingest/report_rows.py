"""What a row of each answer to the report's questions is: its fields are the columns of the SQL, in order."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, NamedTuple

#: Classes of session lengths, by number.
LENGTHS: Final = ("1 event", "<1 min", "1-5 min", "5-15 min", "15-30 min", "30-60 min", "1-2 h", "2+ h")
#: Classes of how late an event came, by number; the last is what the models call late.
LATENESS: Final = ("within a minute", "within an hour", "within a day", "within 30 days", "more than 30 days")


class Model(NamedTuple):
    """A table or view that is there."""

    model_schema: str
    model: str


class Bounds(NamedTuple):
    """The ends of what there is; all None in an empty warehouse."""

    first_minute: datetime | None
    last_minute: datetime | None
    last_evidence: date | None
    last_load: datetime | None


class Account(NamedTuple):
    """Records over all time, in the classes that they fall into. None where nothing was counted yet."""

    stored: int | None
    loaded: int | None
    events: int | None
    duplicates: int | None
    quarantined: int | None
    late: int | None
    skew_corrected: int | None
    future_clamped: int | None
    unknown_types: int | None


class Quarantine(NamedTuple):
    """Quarantined records by reason: the fields are those of `ingest.events.Reason`."""

    missing: int | None
    wrong_type: int | None
    too_long: int | None
    bad_timestamp: int | None
    empty: int | None
    too_large: int | None
    not_utf8: int | None
    not_json: int | None
    not_object: int | None


class Stage(NamedTuple):
    """All runs of one stage of the pipeline."""

    job_type: str
    runs: int
    completed: int
    failed: int
    at_work: int
    silent: int


class Run(NamedTuple):
    """One run of a stage."""

    job_type: str
    state: str
    started_at: datetime
    completed_at: datetime | None
    records_processed: int | None
    error_message: str | None


class Activity(NamedTuple):
    """What happened in the minute, or the longer period, that began then."""

    began_at: datetime
    events: int
    learners: int


class Bands(NamedTuple):
    """What of it came twice, and what came late."""

    began_at: datetime
    duplicates: int
    late_events: int


class Sessions(NamedTuple):
    """All sessions in sum; lengths are None when there is none."""

    sessions: int
    learners: int
    active_seconds: float | None
    median_seconds: float | None
    p95_seconds: float | None
    ended: int | None
    overlong: int | None


class Length(NamedTuple):
    """The sessions of one class of lengths, see `LENGTHS`."""

    length_class: int
    sessions: int
    active_seconds: float


class Mastery(NamedTuple):
    """Mean mastery of one content after a day's evidence, 0..1; `place` 1 has the most evidence."""

    place: int
    tenant_id: str
    content_type: str
    content_id: str
    partition_date: date
    learners_affected: int
    evidence_events: int
    avg_current_mastery: float


class Completion(NamedTuple):
    """On how many learner-days one content was attempted, and on how many of these completed."""

    tenant_id: str
    content_type: str
    content_id: str
    attempted: int
    completed: int
    completion_rate: float


class Score(NamedTuple):
    """The graded attempts of one content, their mean in percent."""

    tenant_id: str
    content_type: str
    content_id: str
    graded_attempts: int
    average_score: float


class Lateness(NamedTuple):
    """Events of one class of times from their happening to their reception, see `LATENESS`."""

    late_class: int
    events: int


class Topic(NamedTuple):
    """The records of one hour of loads by way of the topic, in seconds. None where no record tells."""

    received_to_topic_p50_seconds: float | None
    received_to_topic_p95_seconds: float | None
    topic_to_stored_p50_seconds: float | None
    topic_to_stored_p95_seconds: float | None
    topic_to_loaded_p50_seconds: float | None
    topic_to_loaded_p95_seconds: float | None


class Latency(NamedTuple):
    """How long the records that were loaded in an hour had been on their way, in seconds."""

    loaded_hour: datetime
    records: int
    received_to_ingested_p50_seconds: float | None
    received_to_ingested_p95_seconds: float | None
    ingested_to_loaded_p50_seconds: float
    ingested_to_loaded_p95_seconds: float
    received_to_loaded_p50_seconds: float | None
    received_to_loaded_p95_seconds: float | None
