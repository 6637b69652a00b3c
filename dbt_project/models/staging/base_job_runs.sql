select
    job_id,
    job_type,
    status,
    {{ utc('started_at') }} as started_at,
    {{ utc('completed_at') }} as completed_at,
    records_processed,
    records_failed,
    bytes_processed,
    error_message,
    record_number,
    {{ utc('recorded_at') }} as recorded_at
from {{ raw_job_runs() }} as job_runs
