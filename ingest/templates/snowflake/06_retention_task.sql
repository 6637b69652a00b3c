-- Instead of 06_retention.sql: a task, once a day, without a warehouse of its own.
use role {{ loader }};

create or replace task {{ retention_task }}
    user_task_managed_initial_warehouse_size = 'XSMALL'
    schedule = 'USING CRON 17 3 * * * UTC'
    comment = 'RAW_RETENTION_MONTHS'
as
begin
    delete from {{ raw_events }}
    where to_date(_loaded_at) < to_date(dateadd(month, -{{ raw_retention_months }}, current_timestamp()));
    delete from {{ job_runs }}
    where to_date(_loaded_at) < to_date(dateadd(month, -{{ raw_retention_months }}, current_timestamp()));
end;
alter task {{ retention_task }} resume;
