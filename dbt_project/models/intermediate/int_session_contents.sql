with session_events as (
    select session_events.*
    from {{ ref('int_session_events') }} as session_events
    {{ within_touched_stretches('session_events') }}
),

about_content as (
    select
        *,
        {{ local_date('event_at') }} as partition_date,
        case when event_type = 'assessment_complete' then {{ percent('score_scaled') }} end as assessment_score
    from session_events
    where content_id is not null and event_type <> 'heartbeat'
),

session_contents as (
    select
        tenant_id,
        learner_id,
        session_key,
        session_start,
        content_type,
        content_id,
        partition_date,
        {{ count_where("event_type in ('lesson_start', 'assessment_start')") }} as starts,
        {{ count_where("event_type in ('lesson_complete', 'assessment_complete')") }} as completions,
        count(assessment_score) as graded_attempts,
        sum(assessment_score) as score_sum,
        max(_loaded_at) as _loaded_at
    from about_content
    group by tenant_id, learner_id, session_key, session_start, content_type, content_id, partition_date
)

select * from session_contents
{{ in_stored_order('session_start') }}
