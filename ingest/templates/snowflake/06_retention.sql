-- Raw rows go {{ raw_retention_months }} months after they were loaded. Snowflake looks once a day, by itself.
-- Where an account has no storage lifecycle policies: 06_retention_task.sql instead.
use role sysadmin;

create storage lifecycle policy if not exists {{ retention_policy }} as (loaded_at timestamp_ltz) returns boolean ->
    to_date(loaded_at) < to_date(dateadd(month, -{{ raw_retention_months }}, current_timestamp()))
    comment = 'RAW_RETENTION_MONTHS';
alter storage lifecycle policy {{ retention_policy }} set body ->
    to_date(loaded_at) < to_date(dateadd(month, -{{ raw_retention_months }}, current_timestamp()));

-- A policy that is there already can't be added again.
execute immediate $$
begin
    {{ attach_retention_policy }}
end;
$$;
drop task if exists {{ retention_task }};
