select
    job_type,
    count(*) as runs,
    sum(case when status = 'completed' then 1 else 0 end) as completed,
    sum(case when status = 'failed' then 1 else 0 end) as failed,
    sum(case when status = 'running' and not is_silent then 1 else 0 end) as at_work,
    sum(case when is_silent then 1 else 0 end) as silent
from analytics.etl_job_status
group by job_type
order by job_type
