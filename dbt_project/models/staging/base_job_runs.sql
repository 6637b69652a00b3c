select {{ job_columns() | join(', ') }}
from {{ raw_job_runs() }} as job_runs
