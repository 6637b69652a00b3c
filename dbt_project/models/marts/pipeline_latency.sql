{%- set stages = ['received_to_ingested', 'ingested_to_loaded', 'received_to_loaded'] %}

with records as (
    select
        {{ dbt.date_trunc('hour', '_loaded_at') }} as loaded_hour,
        {{ microseconds_between('received_at', '_ingested_at') }} as received_to_ingested,
        {{ microseconds_between('_ingested_at', '_loaded_at') }} as ingested_to_loaded,
        {{ microseconds_between('received_at', '_loaded_at') }} as received_to_loaded,
        _loaded_at
    from {{ ref('stg_records') }}
    {% if is_incremental() %}
        where _loaded_at >= {{ dbt.date_trunc('hour', loaded_after()) }}
    {% endif %}
),

pipeline_latency as (
    select
        loaded_hour,
        count(*) as records,
        {% for stage in stages %}
            {{ percentile_in_seconds(stage, 0.5) }} as {{ stage }}_p50_seconds,
            {{ percentile_in_seconds(stage, 0.95) }} as {{ stage }}_p95_seconds,
        {% endfor %}
        max(_loaded_at) as _loaded_at
    from records
    group by loaded_hour
)

select * from pipeline_latency
