-- Roles, warehouses, users and integrations. Once for an account, by somebody with ACCOUNTADMIN; safe to run again.
use role accountadmin;

-- One role for each job, none of them more than it needs (04_grants.sql). SYSADMIN inherits them all.
create role if not exists AIVO_LOADER comment = 'Owns the pipes; writes raw tables';
create role if not exists AIVO_TRANSFORMER comment = 'dbt: reads raw tables, writes models';
create role if not exists AIVO_REPORTER comment = 'Looker: reads models of schema ANALYTICS, nothing else';
create role if not exists AIVO_MONITOR comment = 'ingest snowflake check, ingest verify: where records are, never whose';
grant role AIVO_LOADER to role sysadmin;
grant role AIVO_TRANSFORMER to role sysadmin;
grant role AIVO_REPORTER to role sysadmin;
grant role AIVO_MONITOR to role sysadmin;

-- Snowpipe has no warehouse: it is serverless. These stop a minute after the last query.
create warehouse if not exists AIVO_TRANSFORM_WH with
    warehouse_size = 'XSMALL' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 3600
    comment = 'dbt';
create warehouse if not exists AIVO_REPORT_WH with
    warehouse_size = 'XSMALL' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 600
    comment = 'Looker';
create warehouse if not exists AIVO_MONITOR_WH with
    warehouse_size = 'XSMALL' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 600
    comment = 'Checks';

create resource monitor if not exists AIVO_CREDITS with
    credit_quota = 400
    frequency = monthly
    start_timestamp = immediately
    triggers on 75 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;
alter resource monitor AIVO_CREDITS set credit_quota = 400;
alter warehouse AIVO_TRANSFORM_WH set resource_monitor = AIVO_CREDITS;
alter warehouse AIVO_REPORT_WH set resource_monitor = AIVO_CREDITS;
alter warehouse AIVO_MONITOR_WH set resource_monitor = AIVO_CREDITS;

-- Service users have no password. How each signs in: docs/snowflake.md, "Keys".
create user if not exists AIVO_DBT type = service
    default_role = AIVO_TRANSFORMER default_warehouse = AIVO_TRANSFORM_WH default_namespace = AIVO_ANALYTICS
    comment = 'dbt build';
create user if not exists AIVO_LOOKER type = service
    default_role = AIVO_REPORTER default_warehouse = AIVO_REPORT_WH default_namespace = AIVO_ANALYTICS
    comment = 'Looker';
create user if not exists AIVO_INGEST type = service
    default_role = AIVO_MONITOR default_warehouse = AIVO_MONITOR_WH default_namespace = AIVO_ANALYTICS
    comment = 'ingest snowflake check, ingest verify, ingest retention';
-- Or a session has every role of its user at once: the monitor could delete, and masks would hide nothing.
alter user AIVO_DBT set default_secondary_roles = ();
alter user AIVO_LOOKER set default_secondary_roles = ();
alter user AIVO_INGEST set default_secondary_roles = ();
-- Stored times carry no zone and are in UTC; a session in another zone would compare them wrongly.
alter user AIVO_DBT set timezone = 'UTC';
alter user AIVO_LOOKER set timezone = 'UTC';
alter user AIVO_INGEST set timezone = 'UTC';
grant role AIVO_TRANSFORMER to user AIVO_DBT;
grant role AIVO_REPORTER to user AIVO_LOOKER;
grant role AIVO_MONITOR to user AIVO_INGEST;
grant role AIVO_LOADER to user AIVO_INGEST;

-- Never OR REPLACE: a new integration has another external id, and AWS would refuse it.
create storage integration if not exists AIVO_OBJECTS
    type = external_stage
    storage_provider = 'S3'
    storage_aws_role_arn = 'arn:aws:iam::123456789012:role/aivo-snowflake'
    enabled = true
    storage_allowed_locations = ('s3://aivo-data-raw/events/');
alter storage integration AIVO_OBJECTS set
    storage_aws_role_arn = 'arn:aws:iam::123456789012:role/aivo-snowflake'
    enabled = true
    storage_allowed_locations = ('s3://aivo-data-raw/events/');
grant usage on integration AIVO_OBJECTS to role sysadmin;

