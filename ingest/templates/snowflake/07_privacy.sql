-- Who sees learners' ids, and whose rows. dbt puts both policies on what it builds where its var privacy_policies is true.
-- Needs the Enterprise edition; SNOWFLAKE_EDITION=standard leaves this part out.
use role accountadmin;
use warehouse {{ monitor_warehouse }};

create role if not exists {{ unmasked }} comment = 'Sees learners ids as they are; grant it to people, for a reason';
grant role {{ unmasked }} to role sysadmin;

-- Nobody but administrators reads this schema: policies look into it for whoever asks.
create schema if not exists {{ database }}.privacy comment = 'Policies, and what they look into';
grant usage on schema {{ database }}.privacy to role {{ transformer }};

-- The salt keeps anybody from finding an id by hashing candidates. The same id gives the same text everywhere.
create table if not exists {{ salt }} as
select randstr(64, random()) as salt;

create masking policy if not exists {{ masking_policy }} as (learner_id varchar) returns varchar ->
    {{ masked_learner_id }};
alter masking policy {{ masking_policy }} set body ->
    {{ masked_learner_id }};

-- Which role sees which tenant's rows; '*' stands for all of them.
create table if not exists {{ tenant_access }} as
select cast('{{ reporter }}' as varchar) as role_name, cast('*' as varchar) as tenant_id;

create row access policy if not exists {{ row_policy }} as (tenant varchar) returns boolean ->
    {{ visible_tenant }};
alter row access policy {{ row_policy }} set body ->
    {{ visible_tenant }};

alter table {{ raw_events }} modify column learner_id set masking policy {{ masking_policy }} force;

-- Tables are granted to the reporter by dbt, once their policies are on them, and not as soon as they are made.
revoke select on future tables in schema {{ database }}.analytics from role {{ reporter }};
grant apply on masking policy {{ masking_policy }} to role {{ transformer }};
grant apply on row access policy {{ row_policy }} to role {{ transformer }};
