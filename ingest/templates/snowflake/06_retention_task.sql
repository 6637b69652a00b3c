-- Instead of 06_retention.sql: a task, once a day, without a warehouse of its own.
use role accountadmin;
grant create task on schema {{ database }}.raw to role {{ loader }};
grant execute task on account to role {{ loader }};
grant execute managed task on account to role {{ loader }};
use role {{ loader }};

create or replace task {{ retention_task }}
    user_task_managed_initial_warehouse_size = 'XSMALL'
    schedule = 'USING CRON 17 3 * * * UTC'
    comment = 'RAW_RETENTION_MONTHS'
as
execute immediate $$
begin
    delete from {{ raw_events }}
    where {{ past_retention_of_rows }};
    delete from {{ job_runs }}
    where {{ past_retention_of_rows }};
end;
$$;
alter task {{ retention_task }} resume;
