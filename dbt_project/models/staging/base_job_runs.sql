select
    job_id,
    job_type,
    status,
    started_at,
    completed_at,
    records_processed,
    records_failed,
    bytes_processed,
    error_message,
    record_number,
    recorded_at
from {{ raw_job_runs() }} as job_runs
