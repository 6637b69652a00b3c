-- What Snowpipe loads from, and into.
use role sysadmin;

-- Without USE_LOGICAL_TYPE Snowflake takes microseconds for seconds: the year 55 million, and no error.
create file format if not exists AIVO_ANALYTICS.RAW.PARQUET_OBJECTS type = parquet use_logical_type = true
    comment = 'Objects of ingest consume';
alter file format AIVO_ANALYTICS.RAW.PARQUET_OBJECTS set use_logical_type = true;

create stage if not exists AIVO_ANALYTICS.RAW.OBJECTS
    url = 's3://aivo-data-raw/events/'
    storage_integration = AIVO_OBJECTS
    file_format = (format_name = 'AIVO_ANALYTICS.RAW.PARQUET_OBJECTS')
    comment = 'Objects of ingest consume';

-- Columns are those of the objects, and where a row came from. Times are TIMESTAMP_LTZ: Parquet's are instants in UTC, and
-- Snowflake reads them as such; a TIMESTAMP_NTZ would hold the account's wall clock.
create table if not exists AIVO_ANALYTICS.RAW.RAW_EVENTS (
    event_id varchar,
    event_type varchar,
    occurred_at timestamp_ltz,
    learner_id varchar,
    tenant_id varchar,
    session_id varchar,
    sent_at timestamp_ltz,
    published_at timestamp_ltz,
    schema_version varchar,
    data varchar(134217728),
    metadata varchar(134217728),
    _topic varchar not null,
    _topic_id varchar not null,
    _partition number(10, 0) not null,
    _offset number(19, 0) not null,
    _kafka_timestamp timestamp_ltz,
    _ingested_at timestamp_ltz not null,
    _error varchar,
    _raw binary(67108864),
    _file varchar not null,
    _file_row number(19, 0) not null,
    _loaded_at timestamp_ltz not null
) comment = 'One row for every Kafka record, valid or quarantined';

create table if not exists AIVO_ANALYTICS.RAW.JOB_RUNS (
    job_id varchar not null,
    job_type varchar not null,
    status varchar not null,
    started_at timestamp_ltz not null,
    completed_at timestamp_ltz,
    records_processed number(19, 0) not null,
    records_failed number(19, 0) not null,
    bytes_processed number(19, 0) not null,
    error_message varchar,
    record_number number(19, 0) not null,
    recorded_at timestamp_ltz not null,
    pipeline_version varchar not null,
    _file varchar not null,
    _file_row number(19, 0) not null,
    _loaded_at timestamp_ltz not null
) comment = 'One row for every record that a job left of its run';

-- What a monitor may know of a record: where it is and when it was, never whose or what.
create or replace view AIVO_ANALYTICS.RAW.RECORDS (
    occurred_at,
    sent_at,
    published_at,
    _topic,
    _topic_id,
    _partition,
    _offset,
    _kafka_timestamp,
    _ingested_at,
    _error,
    _file,
    _file_row,
    _loaded_at
)
copy grants
comment = 'RAW_EVENTS without learners and payloads'
as
select
    occurred_at,
    sent_at,
    published_at,
    _topic,
    _topic_id,
    _partition,
    _offset,
    _kafka_timestamp,
    _ingested_at,
    _error,
    _file,
    _file_row,
    _loaded_at
from AIVO_ANALYTICS.RAW.RAW_EVENTS;
