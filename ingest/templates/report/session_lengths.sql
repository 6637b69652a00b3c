with sessions as (
    select
        active_seconds,
        case
            when duration_seconds = 0 then 0
            when duration_seconds < 60 then 1
            when duration_seconds < 300 then 2
            when duration_seconds < 900 then 3
            when duration_seconds < 1800 then 4
            when duration_seconds < 3600 then 5
            when duration_seconds < 7200 then 6
            else 7
        end as length_class
    from analytics.session_metrics
    where session_start >= cast('{{ since }}' as timestamp)
)

select
    length_class,
    count(*) as sessions,
    sum(active_seconds) as active_seconds
from sessions
group by length_class
order by length_class
