-- What: on target `fixtures`, session_metrics holds the hand-worked sessions, each with every value but what is
-- computed on reading, and no other.
-- When important: whenever a rule of sessions, active time, scores or completion changes.
-- How to resolve: find the learner in seeds/fixtures/README.md, which derives the session. If the rule was meant to
-- change, work the case out again by hand; never copy what the model says.

with measures as (
    select
        tenant_id,
        learner_id,
        session_id,
        session_start,
        last_activity,
        session_end,
        end_reason,
        duration_seconds,
        active_seconds,
        total_events,
        unique_pages,
        total_interactions,
        lessons_attempted,
        lessons_completed,
        assessments_attempted,
        assessments_completed,
        items_answered,
        round(avg_assessment_score, 9) as avg_assessment_score,
        round(completion_rate, 9) as completion_rate,
        errors,
        is_overlong,
        partition_date
    from {{ ref('session_metrics') }}
),

expected as (
    select * from {{ ref('test_session_metrics') }}
)

{{ differences('measures', 'expected') }}
