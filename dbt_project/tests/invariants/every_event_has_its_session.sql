-- What: int_session_events holds every staged event once, under its own learner and time.
-- When important: always. A missing event means wrong minutes; a surplus one was removed as a duplicate since.
-- How to resolve: `dbt build --select int_session_events+`; if rows stay, `--full-refresh` it and report the case: an
-- incremental run must give what a full refresh gives.

with staged as (
    select tenant_id, learner_id, event_id, event_at from {{ ref('stg_events') }}
),

in_sessions as (
    select tenant_id, learner_id, event_id, event_at from {{ ref('int_session_events') }}
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
