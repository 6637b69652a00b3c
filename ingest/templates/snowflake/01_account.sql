-- Roles, warehouses, users and integrations. Once for an account, by somebody with ACCOUNTADMIN; safe to run again.
use role accountadmin;

-- One role for each job, none of them more than it needs (04_grants.sql). SYSADMIN inherits them all.
create role if not exists {{ loader }} comment = 'Owns the pipes; writes raw tables';
create role if not exists {{ transformer }} comment = 'dbt: reads raw tables, writes models';
create role if not exists {{ reporter }} comment = 'Looker: reads models of schema ANALYTICS, nothing else';
create role if not exists {{ monitor }} comment = 'ingest snowflake check, ingest verify: where records are, never whose';
grant role {{ loader }} to role sysadmin;
grant role {{ transformer }} to role sysadmin;
grant role {{ reporter }} to role sysadmin;
grant role {{ monitor }} to role sysadmin;

-- Snowpipe has no warehouse: it is serverless. These stop a minute after the last query.
create warehouse if not exists {{ transform_warehouse }} with
    warehouse_size = 'XSMALL' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 3600
    comment = 'dbt';
create warehouse if not exists {{ report_warehouse }} with
    warehouse_size = 'XSMALL' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 600
    comment = 'Looker';
create warehouse if not exists {{ monitor_warehouse }} with
    warehouse_size = 'XSMALL' auto_suspend = 60 auto_resume = true initially_suspended = true
    statement_timeout_in_seconds = 600
    comment = 'Checks';

create resource monitor if not exists {{ credits }} with
    credit_quota = {{ credit_quota }}
    frequency = monthly
    start_timestamp = immediately
    triggers on 75 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;
alter resource monitor {{ credits }} set credit_quota = {{ credit_quota }};
alter warehouse {{ transform_warehouse }} set resource_monitor = {{ credits }};
alter warehouse {{ report_warehouse }} set resource_monitor = {{ credits }};
alter warehouse {{ monitor_warehouse }} set resource_monitor = {{ credits }};

-- Service users have no password. How each signs in: docs/snowflake.md, "Keys".
create user if not exists {{ dbt_user }} type = service
    default_role = {{ transformer }} default_warehouse = {{ transform_warehouse }} default_namespace = {{ database }}
    comment = 'dbt build';
create user if not exists {{ looker_user }} type = service
    default_role = {{ reporter }} default_warehouse = {{ report_warehouse }} default_namespace = {{ database }}
    comment = 'Looker';
create user if not exists {{ ingest_user }} type = service
    default_role = {{ monitor }} default_warehouse = {{ monitor_warehouse }} default_namespace = {{ database }}
    comment = 'ingest snowflake check, ingest verify, ingest retention';
-- Or a session has every role of its user at once: the monitor could delete, and masks would hide nothing.
alter user {{ dbt_user }} set default_secondary_roles = ();
alter user {{ looker_user }} set default_secondary_roles = ();
alter user {{ ingest_user }} set default_secondary_roles = ();
-- Stored times carry no zone and are in UTC; a session in another zone would compare them wrongly.
alter user {{ dbt_user }} set timezone = 'UTC';
alter user {{ looker_user }} set timezone = 'UTC';
alter user {{ ingest_user }} set timezone = 'UTC';
grant role {{ transformer }} to user {{ dbt_user }};
grant role {{ reporter }} to user {{ looker_user }};
grant role {{ monitor }} to user {{ ingest_user }};
grant role {{ loader }} to user {{ ingest_user }};

-- Never OR REPLACE: a new integration has another external id, and AWS would refuse it.
create storage integration if not exists {{ storage_integration }}
    type = external_stage
    storage_provider = 'S3'
    storage_aws_role_arn = '{{ storage_role_arn }}'
    enabled = true
    storage_allowed_locations = ('{{ stage_url }}');
alter storage integration {{ storage_integration }} set
    storage_aws_role_arn = '{{ storage_role_arn }}'
    enabled = true
    storage_allowed_locations = ('{{ stage_url }}');
grant usage on integration {{ storage_integration }} to role sysadmin;
{{ error_integration }}
