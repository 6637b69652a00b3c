with raw_events as (
    select * from {{ ref('base_raw_events') }}
),

received as (
    select
        *,
        coalesce(published_at, _kafka_timestamp) as received_at
    from raw_events
),

measured as (
    select
        *,
        coalesce(
            abs({{ microseconds_between('sent_at', 'received_at') }}) > {{ seconds_as_microseconds(60) }}, false
        ) as skew_corrected
    from received
),

corrected as (
    select
        *,
        case
            when skew_corrected
                then {{ add_microseconds('occurred_at', microseconds_between('sent_at', 'received_at')) }}
            else occurred_at
        end as corrected_at
    from measured
),

bounded as (
    select
        *,
        coalesce(corrected_at > {{ dbt.dateadd('minute', 5, 'received_at') }}, false) as future_clamped
    from corrected
),

timed as (
    select
        *,
        case when future_clamped then received_at else corrected_at end as event_at
    from bounded
),

flagged as (
    select
        *,
        coalesce(event_at < {{ dbt.dateadd('day', -30, 'received_at') }}, false) as late
    from timed
)

select * from flagged
