-- What: data_quality_daily and pipeline_latency count every record of staging once.
-- When important: always. A day or an hour that misses records hides what went wrong in them.
-- How to resolve: `dbt build --select data_quality_daily pipeline_latency`; if rows stay, `--full-refresh` them and
-- report the case. After retention the two keep more than staging does: only what staging still holds is compared.

with staged as (
    select
        {{ local_date('_ingested_at') }} as ingested_date,
        {{ dbt.date_trunc('hour', '_first_loaded_at') }} as loaded_hour
    from {{ ref('stg_records') }}
),

days as (
    select
        ingested_date,
        count(*) as records
    from staged
    group by ingested_date
),

hours as (
    select
        loaded_hour,
        count(*) as records
    from staged
    group by loaded_hour
)

select
    'data_quality_daily' as finding,
    cast(days.ingested_date as varchar) as place,
    days.records as staged,
    counted.records as counted
from days
left join {{ ref('data_quality_daily') }} as counted on days.ingested_date = counted.partition_date
where
    days.records > coalesce(counted.records, 0)
    or counted.records <> counted.events + counted.duplicates + counted.quarantined
union all
select
    'pipeline_latency' as finding,
    cast(hours.loaded_hour as varchar) as place,
    hours.records as staged,
    counted.records as counted
from hours
left join {{ ref('pipeline_latency') }} as counted on hours.loaded_hour = counted.loaded_hour
where hours.records > coalesce(counted.records, 0)
