-- Who may do what. Future grants cover what dbt makes later.
use role accountadmin;

-- The loader: its pipes read the stage and write raw tables; retention deletes from them.
grant usage on database AIVO_ANALYTICS to role AIVO_LOADER;
grant usage, create pipe on schema AIVO_ANALYTICS.raw to role AIVO_LOADER;
grant usage on file format AIVO_ANALYTICS.RAW.PARQUET_OBJECTS to role AIVO_LOADER;
grant usage on stage AIVO_ANALYTICS.RAW.OBJECTS to role AIVO_LOADER;
grant select, insert, delete on all tables in schema AIVO_ANALYTICS.raw to role AIVO_LOADER;
grant select, insert, delete on future tables in schema AIVO_ANALYTICS.raw to role AIVO_LOADER;
grant select on all views in schema AIVO_ANALYTICS.raw to role AIVO_LOADER;
grant select on future views in schema AIVO_ANALYTICS.raw to role AIVO_LOADER;
grant usage on warehouse AIVO_MONITOR_WH to role AIVO_LOADER;
grant database role snowflake.usage_viewer to role AIVO_LOADER;

-- The transformer: dbt.
grant usage on database AIVO_ANALYTICS to role AIVO_TRANSFORMER;
grant usage on schema AIVO_ANALYTICS.raw to role AIVO_TRANSFORMER;
grant select on all tables in schema AIVO_ANALYTICS.raw to role AIVO_TRANSFORMER;
grant select on future tables in schema AIVO_ANALYTICS.raw to role AIVO_TRANSFORMER;
grant usage, create table, create view on schema AIVO_ANALYTICS.staging to role AIVO_TRANSFORMER;
grant usage, create table, create view on schema AIVO_ANALYTICS.intermediate to role AIVO_TRANSFORMER;
grant usage, create table, create view on schema AIVO_ANALYTICS.analytics to role AIVO_TRANSFORMER;
grant usage on warehouse AIVO_TRANSFORM_WH to role AIVO_TRANSFORMER;

-- The reporter: Looker.
grant usage on database AIVO_ANALYTICS to role AIVO_REPORTER;
grant usage on schema AIVO_ANALYTICS.analytics to role AIVO_REPORTER;
grant select on all tables in schema AIVO_ANALYTICS.analytics to role AIVO_REPORTER;
grant select on future tables in schema AIVO_ANALYTICS.analytics to role AIVO_REPORTER;
grant select on all views in schema AIVO_ANALYTICS.analytics to role AIVO_REPORTER;
grant select on future views in schema AIVO_ANALYTICS.analytics to role AIVO_REPORTER;
grant usage on warehouse AIVO_REPORT_WH to role AIVO_REPORTER;

-- The monitor: pipes, the load history, how old each layer is; no learner and no payload, so not the stage either.
grant usage on database AIVO_ANALYTICS to role AIVO_MONITOR;
grant usage on schema AIVO_ANALYTICS.raw to role AIVO_MONITOR;
grant select on view AIVO_ANALYTICS.RAW.RECORDS to role AIVO_MONITOR;
grant select on table AIVO_ANALYTICS.RAW.JOB_RUNS to role AIVO_MONITOR;
grant references on table AIVO_ANALYTICS.RAW.RAW_EVENTS to role AIVO_MONITOR;
grant usage on warehouse AIVO_MONITOR_WH to role AIVO_MONITOR;
-- Pipes are granted one by one (05_pipes.sql), and by this when one is replaced.
grant monitor on future pipes in schema AIVO_ANALYTICS.raw to role AIVO_MONITOR;
grant monitor usage on account to role AIVO_MONITOR;
grant database role snowflake.usage_viewer to role AIVO_MONITOR;
