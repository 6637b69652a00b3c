select
    loaded_hour,
    records,
    received_to_ingested_p50_seconds,
    received_to_ingested_p95_seconds,
    ingested_to_loaded_p50_seconds,
    ingested_to_loaded_p95_seconds,
    received_to_loaded_p50_seconds,
    received_to_loaded_p95_seconds
from analytics.pipeline_latency
where loaded_hour > cast('{{ after }}' as timestamp)
order by loaded_hour
