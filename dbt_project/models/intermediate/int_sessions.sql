with session_events as (
    select session_events.*
    from {{ ref('int_session_events') }} as session_events
    {{ within_touched_stretches('session_events') }}
),

named as (
    select
        *,
        case when event_type in ('lesson_start', 'lesson_complete') then coalesce(lesson_id, '') end as lesson,
        case
            when event_type in ('assessment_start', 'assessment_complete') then coalesce(assessment_id, '')
        end as assessment,
        case when event_type = 'assessment_complete' then {{ percent('score_scaled') }} end as assessment_score,
        lead(event_id) over (
            partition by tenant_id, learner_id, session_key
            order by {{ event_order() }}
        ) as next_event_id
    from session_events
),

counted as (
    select
        tenant_id,
        session_key,
        session_id,
        learner_id,
        session_start,
        max(event_at) as last_activity,
        max(case when next_event_id is null then event_type end) as last_event_type,
        cast(sum(active_microseconds) as bigint) as active_microseconds,
        {{ count_where("event_type <> 'heartbeat'") }} as total_events,
        count(distinct case when event_type = 'page_view' then page_id end) as unique_pages,
        {{ count_where("event_type = 'interaction'") }} as total_interactions,
        count(distinct lesson) as lessons_attempted,
        count(distinct case when event_type = 'lesson_complete' then lesson end) as lessons_completed,
        count(distinct assessment) as assessments_attempted,
        count(distinct case when event_type = 'assessment_complete' then assessment end) as assessments_completed,
        {{ count_where("event_type = 'item_answered'") }} as items_answered,
        {{ exact_mean('assessment_score') }} as avg_assessment_score,
        {{ count_where("event_type = 'error'") }} as errors,
        max(_loaded_at) as _loaded_at
    from named
    group by tenant_id, session_key, session_id, learner_id, session_start
),

sessions as (
    select
        tenant_id,
        session_key,
        session_id,
        learner_id,
        session_start,
        last_activity,
        last_activity as session_end,
        case when last_event_type = 'session_end' then 'explicit' else 'timeout' end as end_reason,
        {{ microseconds_to_seconds(microseconds_between('session_start', 'last_activity')) }} as duration_seconds,
        {{ microseconds_to_seconds('active_microseconds') }} as active_seconds,
        total_events,
        unique_pages,
        total_interactions,
        lessons_attempted,
        lessons_completed,
        assessments_attempted,
        assessments_completed,
        items_answered,
        avg_assessment_score,
        {{ ratio('lessons_completed + assessments_completed', 'lessons_attempted + assessments_attempted') }}
            as completion_rate,
        errors,
        {{ microseconds_between('session_start', 'last_activity') }} > {{ seconds_as_microseconds(43200) }}
            as is_overlong,
        {{ local_date('session_start') }} as partition_date,
        _loaded_at
    from counted
)

select * from sessions
{{ in_stored_order('session_start') }}
