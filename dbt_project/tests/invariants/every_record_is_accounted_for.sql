-- What: every record of the raw table is exactly one of staged event, removed duplicate, quarantined; nothing else is.
-- When important: always. A row here is a learner's event that no number shows, or one that was never sent.
-- How to resolve: `missing` means that a load committed later than `load_overlap_seconds` after it began, or that the
-- loader's clock was ahead: raise the var, then `dbt build --full-refresh`. `unexpected` means that rows left the raw
-- table (retention, erasure) and staging still has them: erase them there too.

with retained as (
    select coalesce(min(_loaded_at), cast('1971-01-01' as timestamp)) as oldest_load
    from {{ ref('stg_records') }}
),

raw_records as (
    select distinct
        raw_events._topic_id,
        raw_events._partition,
        raw_events._offset
    from {{ ref('base_raw_events') }} as raw_events
    inner join retained on raw_events._loaded_at >= retained.oldest_load
),

accounted as (
    select _topic_id, _partition, _offset from {{ ref('stg_events') }}
    union all
    select _topic_id, _partition, _offset from {{ ref('stg_removed_duplicates') }}
    union all
    select _topic_id, _partition, _offset from {{ ref('stg_quarantined_records') }}
),

counted as (
    select
        _topic_id,
        _partition,
        _offset,
        sum(in_raw) as in_raw,
        sum(in_staging) as in_staging
    from (
        select _topic_id, _partition, _offset, 1 as in_raw, 0 as in_staging from raw_records
        union all
        select _topic_id, _partition, _offset, 0 as in_raw, 1 as in_staging from accounted
    ) as both_sides
    group by _topic_id, _partition, _offset
)

select
    *,
    case
        when in_staging = 0 then 'missing'
        when in_raw = 0 then 'unexpected'
        else 'more than once'
    end as finding
from counted
where in_raw <> 1 or in_staging <> 1
