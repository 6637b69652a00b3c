-- Raw rows go {{ raw_retention_months }} months after they were loaded. Snowflake looks once a day, by itself.
-- Where an account has no storage lifecycle policies: 06_retention_task.sql instead.
use role sysadmin;
use warehouse {{ monitor_warehouse }};

create storage lifecycle policy if not exists {{ retention_policy }} as (loaded_at timestamp_ltz) returns boolean ->
    {{ past_retention }}
    comment = 'RAW_RETENTION_MONTHS';
alter storage lifecycle policy {{ retention_policy }} set body ->
    {{ past_retention }};

-- A policy that is there already can't be added again.
execute immediate $$
begin
    {{ attach_retention_policy }}
end;
$$;
drop task if exists {{ retention_task }};
