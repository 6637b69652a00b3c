{%- set stages = ['received_to_ingested', 'ingested_to_loaded', 'received_to_loaded'] %}

with records as (
    select
        {{ dbt.date_trunc('hour', '_first_loaded_at') }} as loaded_hour,
        {{ microseconds_between('received_at', '_ingested_at') }} as received_to_ingested,
        {{ microseconds_between('_ingested_at', '_first_loaded_at') }} as ingested_to_loaded,
        {{ microseconds_between('received_at', '_first_loaded_at') }} as received_to_loaded,
        _touched_at as _loaded_at
    from {{ ref('stg_records') }}
),

of_touched_hours as (
    select records.*
    from records
    {{ about_touched_keys('records') }}
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
    from of_touched_hours
    group by loaded_hour
)

select * from pipeline_latency
