with minutes as (
    select *
    from {{ ref('minute_metrics') }}
    where partition_date >= {{ first_day_in_view() }}
),

session_days as (
    select *
    from {{ ref('int_session_days') }}
    where partition_date >= {{ first_day_in_view() }}
),

learner_minutes as (
    select
        tenant_id,
        learner_id,
        partition_date,
        minute_timestamp,
        sum(total_events) as total_events,
        least(sum(time_spent_seconds), 60) as seconds_spent,
        sum(lessons_completed) as lessons_completed,
        sum(assessments_completed) as assessments_completed,
        sum(errors) as errors
    from minutes
    group by tenant_id, learner_id, partition_date, minute_timestamp
),

in_minutes as (
    select
        tenant_id,
        learner_id,
        partition_date,
        cast(sum(total_events) as bigint) as daily_events,
        cast(sum(seconds_spent) as double) / 3600 as hours_spent,
        count(*) as active_minutes,
        cast(sum(lessons_completed) as bigint) as lessons_completed,
        cast(sum(assessments_completed) as bigint) as assessments_completed,
        cast(sum(errors) as bigint) as errors
    from learner_minutes
    group by tenant_id, learner_id, partition_date
),

in_sessions as (
    select
        tenant_id,
        learner_id,
        partition_date,
        count(*) as sessions,
        {{ count_where('partition_date = ' ~ local_date('session_start')) }} as sessions_started,
        min(first_event_at) as first_activity,
        max(last_event_at) as last_activity
    from session_days
    group by tenant_id, learner_id, partition_date
),

learner_activity_summary as (
    select
        in_sessions.tenant_id,
        in_sessions.learner_id,
        in_sessions.partition_date,
        in_minutes.daily_events,
        in_minutes.hours_spent,
        in_minutes.active_minutes,
        in_sessions.sessions,
        in_sessions.sessions_started,
        in_minutes.lessons_completed,
        in_minutes.assessments_completed,
        in_minutes.errors,
        in_sessions.first_activity,
        in_sessions.last_activity
    from in_sessions
    inner join in_minutes
        on
            in_sessions.tenant_id = in_minutes.tenant_id
            and in_sessions.learner_id = in_minutes.learner_id
            and in_sessions.partition_date = in_minutes.partition_date
)

select * from learner_activity_summary
