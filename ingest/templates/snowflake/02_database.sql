-- The database and its schemas.
use role sysadmin;

create database if not exists {{ database }} data_retention_time_in_days = {{ time_travel_days }}
    comment = 'Learner events and what is made of them';
alter database {{ database }} set data_retention_time_in_days = {{ time_travel_days }};

create schema if not exists {{ database }}.raw comment = 'What Snowpipe loads: one row for every Kafka record';
-- dbt fills these and would make them itself; made here, their grants stand before the first run.
create schema if not exists {{ database }}.staging comment = 'dbt: records, classified';
create schema if not exists {{ database }}.intermediate comment = 'dbt: sessions and evidence';
create schema if not exists {{ database }}.analytics comment = 'dbt: what Looker reads';
