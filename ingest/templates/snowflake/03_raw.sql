-- What Snowpipe loads from, and into.
use role sysadmin;

-- Without USE_LOGICAL_TYPE Snowflake takes microseconds for seconds: the year 55 million, and no error.
create file format if not exists {{ file_format }} type = parquet use_logical_type = true
    comment = 'Objects of ingest consume';
alter file format {{ file_format }} set use_logical_type = true;

create stage if not exists {{ stage }}
    url = '{{ stage_url }}'
    storage_integration = {{ storage_integration }}
    file_format = (format_name = '{{ file_format }}')
    comment = 'Objects of ingest consume';

-- Columns are those of the objects, and where a row came from. Times are TIMESTAMP_LTZ: Parquet's are instants in UTC, and
-- Snowflake reads them as such; a TIMESTAMP_NTZ would hold the account's wall clock.
create table if not exists {{ raw_events }} (
    {{ raw_events_columns }}
) comment = 'One row for every Kafka record, valid or quarantined';

create table if not exists {{ job_runs }} (
    {{ job_runs_columns }}
) comment = 'One row for every record that a job left of its run';

-- What a monitor may know of a record: where it is and when it was, never whose or what.
create or replace view {{ records }} (
    {{ records_columns }}
)
copy grants
comment = 'RAW_EVENTS without learners and payloads'
as
select
    {{ records_columns }}
from {{ raw_events }};
