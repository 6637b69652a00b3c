with records as (
    select
        datediff('millisecond', published_at, _kafka_timestamp) as received_to_topic,
        datediff('millisecond', _kafka_timestamp, _ingested_at) as topic_to_stored,
        datediff('millisecond', _kafka_timestamp, _first_loaded_at) as topic_to_loaded
    from staging.stg_records
    where _first_loaded_at >= cast('{{ since }}' as timestamp)
)

select
    percentile_cont(0.5) within group (order by received_to_topic) / 1000.0 as received_to_topic_p50_seconds,
    percentile_cont(0.95) within group (order by received_to_topic) / 1000.0 as received_to_topic_p95_seconds,
    percentile_cont(0.5) within group (order by topic_to_stored) / 1000.0 as topic_to_stored_p50_seconds,
    percentile_cont(0.95) within group (order by topic_to_stored) / 1000.0 as topic_to_stored_p95_seconds,
    percentile_cont(0.5) within group (order by topic_to_loaded) / 1000.0 as topic_to_loaded_p50_seconds,
    percentile_cont(0.95) within group (order by topic_to_loaded) / 1000.0 as topic_to_loaded_p95_seconds
from records
