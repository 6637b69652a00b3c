with quality as (
    select
        sum(events) as events,
        sum(duplicates) as duplicates,
        sum(quarantined) as quarantined,
        sum(late) as late,
        sum(skew_corrected) as skew_corrected,
        sum(future_clamped) as future_clamped,
        sum(unknown_types) as unknown_types
    from analytics.data_quality_daily
),

loads as (
    select sum(records) as loaded
    from analytics.pipeline_latency
),

consumers as (
    select sum(records_processed) as stored
    from analytics.etl_job_status
    where job_type = 'ingest'
)

select
    consumers.stored,
    loads.loaded,
    quality.events,
    quality.duplicates,
    quality.quarantined,
    quality.late,
    quality.skew_corrected,
    quality.future_clamped,
    quality.unknown_types
from quality
cross join loads
cross join consumers
