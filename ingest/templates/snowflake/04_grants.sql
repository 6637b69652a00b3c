-- Who may do what. Future grants cover what dbt makes later.
use role accountadmin;

-- The loader: its pipes read the stage and write raw tables; retention deletes from them.
grant usage on database {{ database }} to role {{ loader }};
grant usage, create pipe on schema {{ database }}.raw to role {{ loader }};
grant usage on file format {{ file_format }} to role {{ loader }};
grant usage on stage {{ stage }} to role {{ loader }};
grant select, insert, delete on all tables in schema {{ database }}.raw to role {{ loader }};
grant select, insert, delete on future tables in schema {{ database }}.raw to role {{ loader }};
grant select on all views in schema {{ database }}.raw to role {{ loader }};
grant select on future views in schema {{ database }}.raw to role {{ loader }};
grant usage on warehouse {{ monitor_warehouse }} to role {{ loader }};
grant database role snowflake.usage_viewer to role {{ loader }};

-- The transformer: dbt.
grant usage on database {{ database }} to role {{ transformer }};
grant usage on schema {{ database }}.raw to role {{ transformer }};
grant select on all tables in schema {{ database }}.raw to role {{ transformer }};
grant select on future tables in schema {{ database }}.raw to role {{ transformer }};
grant usage, create table, create view on schema {{ database }}.staging to role {{ transformer }};
grant usage, create table, create view on schema {{ database }}.intermediate to role {{ transformer }};
grant usage, create table, create view on schema {{ database }}.analytics to role {{ transformer }};
grant usage on warehouse {{ transform_warehouse }} to role {{ transformer }};

-- The reporter: Looker.
grant usage on database {{ database }} to role {{ reporter }};
grant usage on schema {{ database }}.analytics to role {{ reporter }};
grant select on all tables in schema {{ database }}.analytics to role {{ reporter }};
grant select on future tables in schema {{ database }}.analytics to role {{ reporter }};
grant select on all views in schema {{ database }}.analytics to role {{ reporter }};
grant select on future views in schema {{ database }}.analytics to role {{ reporter }};
grant usage on warehouse {{ report_warehouse }} to role {{ reporter }};

-- The monitor: pipes, the load history, how old each layer is; no learner and no payload, so not the stage either.
grant usage on database {{ database }} to role {{ monitor }};
grant usage on schema {{ database }}.raw to role {{ monitor }};
grant select on view {{ records }} to role {{ monitor }};
grant select on table {{ job_runs }} to role {{ monitor }};
grant references on table {{ raw_events }} to role {{ monitor }};
grant usage on warehouse {{ monitor_warehouse }} to role {{ monitor }};
-- Pipes are granted one by one (05_pipes.sql), and by this when one is replaced.
grant monitor on future pipes in schema {{ database }}.raw to role {{ monitor }};
grant monitor usage on account to role {{ monitor }};
grant database role snowflake.usage_viewer to role {{ monitor }};
