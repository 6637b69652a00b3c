select
    minute_timestamp as began_at,
    sum(total_events) as events,
    count(distinct tenant_id || ':' || learner_id) as learners
from analytics.minute_metrics
where minute_timestamp >= cast('{{ since }}' as timestamp)
group by minute_timestamp
having sum(total_events) > 0
order by minute_timestamp
