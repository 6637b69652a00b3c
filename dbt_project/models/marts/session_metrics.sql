with sessions as (
    select * from {{ ref('int_sessions') }}
),

session_metrics as (
    select
        tenant_id,
        session_key,
        session_id,
        learner_id,
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
        avg_assessment_score,
        completion_rate,
        errors,
        is_overlong,
        partition_date,
        end_reason <> 'explicit'
        and {{ microseconds_between('last_activity', utc_now()) }}
        <= {{ seconds_as_microseconds(var('session_gap_seconds')) }} as is_active,
        _loaded_at
    from sessions
)

select * from session_metrics
