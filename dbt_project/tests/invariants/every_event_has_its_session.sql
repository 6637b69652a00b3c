-- What: int_session_events holds every staged event once, under its own learner and time; but for those of a stretch
-- that retention has closed, which stays as it was.
-- When important: always. A missing event means wrong minutes; a surplus one was removed as a duplicate since.
-- How to resolve: `dbt build --select int_session_events+`; if rows stay, `--full-refresh` it and report the case: an
-- incremental run must give what a full refresh gives.

with staged as (
    select events.tenant_id, events.learner_id, events.event_id, events.event_at
    from {{ ref('stg_events') }} as events
    {{ outside_closed_stretches('events', 'event_at') }}
),

in_sessions as (
    select session_events.tenant_id, session_events.learner_id, session_events.event_id, session_events.event_at
    from {{ ref('int_session_events') }} as session_events
    {{ outside_closed_stretches('session_events', 'event_at') }}
),

missing as (
    select * from staged
    except
    select * from in_sessions
),

unexpected as (
    select * from in_sessions
    except
    select * from staged
)

select 'missing' as finding, missing.* from missing
union all
select 'unexpected' as finding, unexpected.* from unexpected
