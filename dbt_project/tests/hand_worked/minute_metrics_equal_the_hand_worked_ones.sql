-- What: on target `fixtures`, minute_metrics holds the hand-worked minutes, each with every value, and no other.
-- When important: whenever a rule of sessions, minutes, times or duplicates changes.
-- How to resolve: find the learner in seeds/fixtures/README.md, which derives the minutes. If the rule was meant to
-- change, work the case out again by hand; never copy what the model says.

with sessions as (
    select distinct tenant_id, session_key, session_start
    from {{ ref('int_session_events') }}
),

measures as (
    select
        minute_metrics.tenant_id,
        minute_metrics.learner_id,
        minute_metrics.session_id,
        sessions.session_start,
        minute_metrics.minute_timestamp,
        minute_metrics.total_events,
        minute_metrics.page_views,
        minute_metrics.interactions,
        minute_metrics.assessments_started,
        minute_metrics.assessments_completed,
        minute_metrics.lessons_started,
        minute_metrics.lessons_completed,
        minute_metrics.items_answered,
        minute_metrics.resources_accessed,
        minute_metrics.errors,
        minute_metrics.time_spent_seconds,
        minute_metrics.partition_date
    from {{ ref('minute_metrics') }} as minute_metrics
    left join sessions
        on
            minute_metrics.tenant_id = sessions.tenant_id
            and minute_metrics.session_key = sessions.session_key
),

expected as (
    select * from {{ ref('test_minute_metrics') }}
)

{{ differences('measures', 'expected') }}
