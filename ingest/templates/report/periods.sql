select
    date_trunc('{{ unit }}', minute_timestamp) as began_at,
    sum(total_events) as events,
    count(distinct tenant_id || ':' || learner_id) as learners
from analytics.minute_metrics
group by date_trunc('{{ unit }}', minute_timestamp)
having sum(total_events) > 0
order by date_trunc('{{ unit }}', minute_timestamp)
