select
    date_trunc('minute', event_at) as began_at,
    sum(case when record_status = 'duplicate' then 1 else 0 end) as duplicates,
    sum(case when record_status = 'event' and late then 1 else 0 end) as late_events
from staging.stg_records
where
    event_at >= cast('{{ since }}' as timestamp)
    and (record_status = 'duplicate' or (record_status = 'event' and late))
group by date_trunc('minute', event_at)
order by date_trunc('minute', event_at)
