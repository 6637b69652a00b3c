with events as (
    select
        case
            when late then 4
            when event_at >= received_at - interval '1 minute' then 0
            when event_at >= received_at - interval '1 hour' then 1
            when event_at >= received_at - interval '1 day' then 2
            else 3
        end as late_class
    from staging.stg_records
    where
        record_status = 'event'
        and received_at is not null
)

select
    late_class,
    count(*) as events
from events
group by late_class
order by late_class
