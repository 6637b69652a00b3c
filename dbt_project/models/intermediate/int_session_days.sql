with session_events as (
    select session_events.*
    from {{ ref('int_session_events') }} as session_events
    {{ within_touched_stretches('session_events') }}
),

dated as (
    select
        *,
        {{ local_date('event_at') }} as partition_date
    from session_events
),

session_days as (
    select
        tenant_id,
        learner_id,
        session_key,
        session_start,
        partition_date,
        min(event_at) as first_event_at,
        max(event_at) as last_event_at,
        max(_loaded_at) as _loaded_at
    from dated
    group by tenant_id, learner_id, session_key, session_start, partition_date
)

select * from session_days
{{ in_stored_order('session_start') }}
