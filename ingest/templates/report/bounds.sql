with minutes as (
    select
        min(minute_timestamp) as first_minute,
        max(minute_timestamp) as last_minute
    from analytics.minute_metrics
),

evidence as (
    select max(partition_date) as last_evidence
    from analytics.content_mastery_trends
),

loads as (
    select max(loaded_hour) as last_load
    from analytics.pipeline_latency
)

select
    minutes.first_minute,
    minutes.last_minute,
    evidence.last_evidence,
    loads.last_load
from minutes
cross join evidence
cross join loads
