-- The pipes. After AWS trusts the storage integration (docs/snowflake.md, step 4).
--
-- Never OR REPLACE a pipe: a new one has forgotten what the old one loaded. To change one: ingest snowflake replace-pipe.
use role AIVO_LOADER;

create pipe if not exists AIVO_ANALYTICS.RAW.RAW_EVENTS_PIPE
    auto_ingest = true
    comment = 'Objects of chains, and records recovered from quarantine'
as
copy into AIVO_ANALYTICS.RAW.RAW_EVENTS
from @AIVO_ANALYTICS.RAW.OBJECTS
pattern = '.*partition=[0-9]{5}/[0-9]{20}(-[0-9]{4})?[.]parquet'
file_format = (format_name = 'AIVO_ANALYTICS.RAW.PARQUET_OBJECTS')
match_by_column_name = case_insensitive
include_metadata = (
    _file = metadata$filename, _file_row = metadata$file_row_number, _loaded_at = metadata$start_scan_time
)
on_error = skip_file;

create pipe if not exists AIVO_ANALYTICS.RAW.JOB_RUNS_PIPE
    auto_ingest = true
    comment = 'Job records'
as
copy into AIVO_ANALYTICS.RAW.JOB_RUNS
from @AIVO_ANALYTICS.RAW.OBJECTS
pattern = '.*_jobs/[a-z]+/[A-Za-z0-9-]+/[0-9]{6}[.]parquet'
file_format = (format_name = 'AIVO_ANALYTICS.RAW.PARQUET_OBJECTS')
match_by_column_name = case_insensitive
include_metadata = (
    _file = metadata$filename, _file_row = metadata$file_row_number, _loaded_at = metadata$start_scan_time
)
on_error = skip_file;

grant monitor on pipe AIVO_ANALYTICS.RAW.RAW_EVENTS_PIPE to role AIVO_MONITOR;
grant monitor on pipe AIVO_ANALYTICS.RAW.JOB_RUNS_PIPE to role AIVO_MONITOR;

-- Their column notification_channel is the queue that the bucket has to notify: snowpipe_queue_arn of infra/aws.
show pipes in schema AIVO_ANALYTICS.raw;
