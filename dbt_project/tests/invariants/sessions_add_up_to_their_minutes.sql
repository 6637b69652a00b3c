-- What: session_metrics and minute_metrics hold the same sessions, with the same active time, events, items and errors.
-- When important: always. Otherwise minute and session dashboards disagree, and nobody knows which is right.
-- How to resolve: if only some sessions are listed, a run of one of the two failed or was skipped: `dbt build --select
-- int_session_events+`. If that changes nothing, a rule in one of them differs from the other.

with from_minutes as (
    select
        tenant_id,
        session_key,
        sum(time_spent_seconds) as active_seconds,
        sum(total_events) as total_events,
        sum(interactions) as interactions,
        sum(items_answered) as items_answered,
        sum(errors) as errors
    from {{ ref('minute_metrics') }}
    group by tenant_id, session_key
),

from_sessions as (
    select * from {{ ref('session_metrics') }}
)

select
    coalesce(from_sessions.session_key, from_minutes.session_key) as session_key,
    from_sessions.active_seconds as active_seconds_of_session,
    from_minutes.active_seconds as active_seconds_of_minutes,
    from_sessions.total_events as events_of_session,
    from_minutes.total_events as events_of_minutes
from from_sessions
full outer join from_minutes
    on
        from_sessions.tenant_id = from_minutes.tenant_id
        and from_sessions.session_key = from_minutes.session_key
where
    from_sessions.session_key is null
    or from_minutes.session_key is null
    or from_sessions.active_seconds <> from_minutes.active_seconds
    or from_sessions.total_events <> from_minutes.total_events
    or from_sessions.total_interactions <> from_minutes.interactions
    or from_sessions.items_answered <> from_minutes.items_answered
    or from_sessions.errors <> from_minutes.errors
