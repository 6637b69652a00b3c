-- The database and its schemas.
use role sysadmin;

create database if not exists AIVO_ANALYTICS data_retention_time_in_days = 7
    comment = 'Learner events and what is made of them';
alter database AIVO_ANALYTICS set data_retention_time_in_days = 7;

create schema if not exists AIVO_ANALYTICS.raw comment = 'What Snowpipe loads: one row for every Kafka record';
-- dbt fills these and would make them itself; made here, their grants stand before the first run.
create schema if not exists AIVO_ANALYTICS.staging comment = 'dbt: records, classified';
create schema if not exists AIVO_ANALYTICS.intermediate comment = 'dbt: sessions and evidence';
create schema if not exists AIVO_ANALYTICS.analytics comment = 'dbt: what Looker reads';
