-- What: the raw table holds exactly as many rows of every object as the load history says that the object has.
-- When important: always. Fewer means that learners' events are missing from every number; more, that an object was
-- loaded twice.
-- How to resolve: `ingest verify` names the offsets. Load what is missing again with `ingest load`; of rows that are
-- there twice staging keeps one, so numbers are right meanwhile. Objects older than the oldest raw row are past their
-- retention.

with retained as (
    select min(_loaded_at) as oldest_load
    from {{ ref('base_raw_events') }}
),

loaded as (
    select
        history.file as object_key,
        history.records
    from {{ raw_load_history() }} as history
    inner join retained on history.completed_at >= retained.oldest_load
    where history.status = 'loaded' and history.file not like '_jobs/%'
),

stored as (
    select
        _file as object_key,
        count(*) as row_count
    from {{ ref('base_raw_events') }}
    group by _file
)

select
    loaded.object_key,
    loaded.records,
    coalesce(stored.row_count, 0) as row_count
from loaded
left join stored on loaded.object_key = stored.object_key
where loaded.records <> coalesce(stored.row_count, 0)
