select
    count(*) as sessions,
    count(distinct tenant_id || ':' || learner_id) as learners,
    sum(active_seconds) as active_seconds,
    percentile_cont(0.5) within group (order by duration_seconds) as median_seconds,
    percentile_cont(0.95) within group (order by duration_seconds) as p95_seconds,
    sum(case when end_reason = 'explicit' then 1 else 0 end) as ended,
    sum(case when is_overlong then 1 else 0 end) as overlong
from analytics.session_metrics
where session_start >= cast('{{ since }}' as timestamp)
