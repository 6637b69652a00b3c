-- What: the minutes of a session hold exactly its events and its active time, as its events give them; but for
-- stretches that retention has closed, whose events are gone.
-- When important: always. Otherwise minute and session dashboards disagree, and nobody knows which is right.
-- How to resolve: if only some sessions are listed, a run of minute_metrics failed or was skipped: `dbt build --select
-- minute_metrics`. If that changes nothing, a rule in minute_metrics differs from int_session_events.

with from_events as (
    select
        session_events.tenant_id,
        session_events.session_key,
        cast(sum(session_events.active_microseconds) as bigint) as active_microseconds,
        sum(case when session_events.event_type <> 'heartbeat' then 1 else 0 end) as total_events
    from {{ ref('int_session_events') }} as session_events
    {{ outside_closed_stretches('session_events', 'event_at') }}
    group by session_events.tenant_id, session_events.session_key
),

from_minutes as (
    select
        minute_metrics.tenant_id,
        minute_metrics.session_key,
        sum(minute_metrics.time_spent_seconds) as active_seconds,
        sum(minute_metrics.total_events) as total_events
    from {{ ref('minute_metrics') }} as minute_metrics
    {{ outside_closed_stretches('minute_metrics', 'minute_timestamp') }}
    group by minute_metrics.tenant_id, minute_metrics.session_key
)

select
    coalesce(from_events.session_key, from_minutes.session_key) as session_key,
    from_events.active_microseconds,
    from_minutes.active_seconds,
    from_events.total_events as events_of_session,
    from_minutes.total_events as events_of_minutes
from from_events
full outer join from_minutes
    on
        from_events.tenant_id = from_minutes.tenant_id
        and from_events.session_key = from_minutes.session_key
where
    from_events.session_key is null
    or from_minutes.session_key is null
    or from_events.active_microseconds <> from_minutes.active_seconds * 1000000
    or from_events.total_events <> from_minutes.total_events
