with events as (
    select events.*
    from {{ ref('stg_events') }} as events
    {{ within_touched_stretches('events') }}
),

silences as (
    select
        *,
        {{ microseconds_between(
            'lag(event_at) over (partition by tenant_id, learner_id, session_id order by ' ~ event_order() ~ ')',
            'event_at'
        ) }} as silence_microseconds
    from events
),

numbered as (
    select
        *,
        sum(
            case
                when
                    session_id is null
                    and silence_microseconds > {{ seconds_as_microseconds(var('session_gap_seconds')) }}
                    then 1
                when
                    session_id is not null
                    and silence_microseconds
                    > {{ seconds_as_microseconds(var('explicit_session_max_gap_seconds')) }}
                    then 1
                else 0
            end
        ) over (
            partition by tenant_id, learner_id, session_id
            order by {{ event_order() }}
            rows between unbounded preceding and current row
        ) as session_number
    from silences
),

bounded as (
    select
        *,
        min(event_at) over (
            partition by tenant_id, learner_id, session_id, session_number
        ) as session_start,
        lead(event_at) over (
            partition by tenant_id, learner_id, session_id, session_number
            order by {{ event_order() }}
        ) as next_event_at
    from numbered
),

session_events as (
    select
        tenant_id,
        learner_id,
        {{ hash_of([
            'tenant_id',
            'learner_id',
            'session_id',
            'cast(' ~ epoch_milliseconds('session_start') ~ ' as varchar)',
        ]) }} as session_key,
        session_id,
        session_start,
        event_id,
        event_type,
        event_at,
        attempt_no,
        received_at,
        content_type,
        content_id,
        page_id,
        lesson_id,
        assessment_id,
        item_id,
        score_scaled,
        mastery_before,
        mastery_after,
        confidence,
        target_type,
        target_id,
        least(
            coalesce({{ microseconds_between('event_at', 'next_event_at') }}, 0),
            {{ seconds_as_microseconds(var('active_gap_cap_seconds')) }}
        ) as active_microseconds,
        _loaded_at as _record_loaded_at,
        _touched_at as _loaded_at
    from bounded
)

select * from session_events
{{ in_stored_order('event_at') }}
