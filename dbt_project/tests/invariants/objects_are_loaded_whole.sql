-- What: the raw table holds exactly as many rows of every object as the load history says that the object has.
-- When important: always. Fewer means that learners' events are missing from every number; more, that an object was loaded twice.
-- How to resolve: `ingest verify` names the offsets. Load what is missing again with `ingest load`; of rows that are there twice
-- staging keeps one, so numbers are right meanwhile. Objects older than the oldest raw row are past their retention.

with loaded as (
    select
        file as object_key,
        records
    from {{ raw_load_history() }}
    where
        status = 'loaded'
        and file not like '_jobs/%'
        and completed_at >= (select min(_loaded_at) from {{ ref('base_raw_events') }})
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
