with session_events as (
    select session_events.*
    from {{ ref('int_session_events') }} as session_events
    {{ within_touched_stretches('session_events') }}
),

evidence as (
    select
        tenant_id,
        learner_id,
        target_type as content_type,
        target_id as content_id,
        event_id,
        event_type,
        session_key,
        event_at,
        attempt_no,
        received_at,
        item_id,
        score_scaled,
        case when mastery_before between 0 and 1 then mastery_before end as mastery_before,
        mastery_after,
        case when confidence between 0 and 1 then confidence end as confidence,
        _loaded_at
    from session_events
    where target_id is not null
)

select * from evidence
{{ in_stored_order('event_at') }}
