-- Raw rows go 18 months after they were loaded. Snowflake looks once a day, by itself.
-- Where an account has no storage lifecycle policies: 06_retention_task.sql instead.
use role sysadmin;
use warehouse AIVO_MONITOR_WH;

create storage lifecycle policy if not exists AIVO_ANALYTICS.RAW.RETENTION_POLICY as (loaded_at timestamp_ltz) returns boolean ->
    to_date(convert_timezone('UTC', loaded_at))
    < to_date(dateadd(month, -18, convert_timezone('UTC', current_timestamp())))
    comment = 'RAW_RETENTION_MONTHS';
alter storage lifecycle policy AIVO_ANALYTICS.RAW.RETENTION_POLICY set body ->
    to_date(convert_timezone('UTC', loaded_at))
    < to_date(dateadd(month, -18, convert_timezone('UTC', current_timestamp())));

-- A policy that is there already can't be added again.
execute immediate $$
begin
    if (not exists (
        select 1
        from table(AIVO_ANALYTICS.information_schema.policy_references(
            ref_entity_name => 'AIVO_ANALYTICS.RAW.RAW_EVENTS', ref_entity_domain => 'TABLE'
        ))
        where policy_kind = 'STORAGE_LIFECYCLE_POLICY'
    )) then
        alter table AIVO_ANALYTICS.RAW.RAW_EVENTS add storage lifecycle policy AIVO_ANALYTICS.RAW.RETENTION_POLICY on (_loaded_at);
    end if;
    if (not exists (
        select 1
        from table(AIVO_ANALYTICS.information_schema.policy_references(
            ref_entity_name => 'AIVO_ANALYTICS.RAW.JOB_RUNS', ref_entity_domain => 'TABLE'
        ))
        where policy_kind = 'STORAGE_LIFECYCLE_POLICY'
    )) then
        alter table AIVO_ANALYTICS.RAW.JOB_RUNS add storage lifecycle policy AIVO_ANALYTICS.RAW.RETENTION_POLICY on (_loaded_at);
    end if;
end;
$$;
drop task if exists AIVO_ANALYTICS.RAW.RETENTION_TASK;
