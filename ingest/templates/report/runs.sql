select
    job_type,
    case when is_silent then 'silent' else status end as state,
    started_at,
    completed_at,
    records_processed,
    error_message
from analytics.etl_job_status
order by started_at desc, job_type, job_id
limit {{ rows }}
