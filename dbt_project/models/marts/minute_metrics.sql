{%- set minute = seconds_as_microseconds(60) %}

with session_events as (
    select session_events.*
    from {{ ref('int_session_events') }} as session_events
    {{ within_touched_stretches('session_events') }}
),

in_minutes as (
    select
        *,
        {{ dbt.date_trunc('minute', 'event_at') }} as event_minute
    from session_events
),

located as (
    select
        *,
        {{ microseconds_between('event_minute', 'event_at') }} as starts_after,
        {{ microseconds_between('event_minute', 'event_at') }} + active_microseconds as ends_after
    from in_minutes
),

minutes_ahead as (
    {{ numbers_to(var('active_gap_cap_seconds') // 60 + 1) }}
),

slices as (
    select
        located.*,
        minutes_ahead.n as minutes_after_event,
        {{ dbt.dateadd('minute', 'minutes_ahead.n', 'located.event_minute') }} as minute_timestamp,
        least(located.ends_after, (minutes_ahead.n + 1) * {{ minute }})
        - greatest(located.starts_after, minutes_ahead.n * {{ minute }}) as slice_microseconds
    from located
    inner join minutes_ahead
        on minutes_ahead.n = 0 or minutes_ahead.n * {{ minute }} < located.ends_after
),

counted as (
    select
        *,
        case when minutes_after_event = 0 then event_type end as counted_type
    from slices
),

minute_metrics as (
    select
        tenant_id,
        learner_id,
        session_key,
        session_id,
        minute_timestamp,
        {{ count_where("counted_type <> 'heartbeat'") }} as total_events,
        {{ count_where("counted_type = 'page_view'") }} as page_views,
        {{ count_where("counted_type = 'interaction'") }} as interactions,
        {{ count_where("counted_type = 'assessment_start'") }} as assessments_started,
        {{ count_where("counted_type = 'assessment_complete'") }} as assessments_completed,
        {{ count_where("counted_type = 'lesson_start'") }} as lessons_started,
        {{ count_where("counted_type = 'lesson_complete'") }} as lessons_completed,
        {{ count_where("counted_type = 'item_answered'") }} as items_answered,
        {{ count_where("counted_type = 'resource_access'") }} as resources_accessed,
        {{ count_where("counted_type = 'error'") }} as errors,
        {{ microseconds_to_seconds('cast(sum(slice_microseconds) as bigint)') }} as time_spent_seconds,
        {{ local_date('minute_timestamp') }} as partition_date,
        max(_loaded_at) as _loaded_at
    from counted
    group by tenant_id, learner_id, session_key, session_id, minute_timestamp
)

select * from minute_metrics
{{ in_stored_order('minute_timestamp') }}
