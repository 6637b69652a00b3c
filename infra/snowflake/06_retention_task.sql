-- Instead of 06_retention.sql: a task, once a day, without a warehouse of its own.
use role accountadmin;
grant create task on schema AIVO_ANALYTICS.raw to role AIVO_LOADER;
grant execute task on account to role AIVO_LOADER;
grant execute managed task on account to role AIVO_LOADER;
use role AIVO_LOADER;

create or replace task AIVO_ANALYTICS.RAW.RETENTION_TASK
    user_task_managed_initial_warehouse_size = 'XSMALL'
    schedule = 'USING CRON 17 3 * * * UTC'
    comment = 'RAW_RETENTION_MONTHS'
as
execute immediate $$
begin
    delete from AIVO_ANALYTICS.RAW.RAW_EVENTS
    where to_date(convert_timezone('UTC', _loaded_at))
    < to_date(dateadd(month, -18, convert_timezone('UTC', current_timestamp())));
    delete from AIVO_ANALYTICS.RAW.JOB_RUNS
    where to_date(convert_timezone('UTC', _loaded_at))
    < to_date(dateadd(month, -18, convert_timezone('UTC', current_timestamp())));
end;
$$;
alter task AIVO_ANALYTICS.RAW.RETENTION_TASK resume;
