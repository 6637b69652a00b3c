-- Who sees learners' ids, and whose rows. dbt puts both policies on what it builds where its var privacy_policies is true.
-- Needs the Enterprise edition; SNOWFLAKE_EDITION=standard leaves this part out.
use role accountadmin;
use warehouse AIVO_MONITOR_WH;

create role if not exists AIVO_UNMASKED comment = 'Sees learners ids as they are; grant it to people, for a reason';
grant role AIVO_UNMASKED to role sysadmin;

-- Nobody but administrators reads this schema: policies look into it for whoever asks.
create schema if not exists AIVO_ANALYTICS.privacy comment = 'Policies, and what they look into';
grant usage on schema AIVO_ANALYTICS.privacy to role AIVO_TRANSFORMER;

-- The salt keeps anybody from finding an id by hashing candidates. The same id gives the same text everywhere.
create table if not exists AIVO_ANALYTICS.PRIVACY.SALT as
select randstr(64, random()) as salt;

create masking policy if not exists AIVO_ANALYTICS.PRIVACY.MASKING_POLICY as (learner_id varchar) returns varchar ->
    case
        when is_role_in_session('AIVO_TRANSFORMER') or is_role_in_session('AIVO_LOADER') or is_role_in_session('AIVO_UNMASKED')
            then learner_id
        else sha2((select max(salt) from AIVO_ANALYTICS.PRIVACY.SALT) || learner_id, 256)
    end;
alter masking policy AIVO_ANALYTICS.PRIVACY.MASKING_POLICY set body ->
    case
        when is_role_in_session('AIVO_TRANSFORMER') or is_role_in_session('AIVO_LOADER') or is_role_in_session('AIVO_UNMASKED')
            then learner_id
        else sha2((select max(salt) from AIVO_ANALYTICS.PRIVACY.SALT) || learner_id, 256)
    end;

-- Which role sees which tenant's rows; '*' stands for all of them.
create table if not exists AIVO_ANALYTICS.PRIVACY.TENANT_ACCESS as
select cast('AIVO_REPORTER' as varchar) as role_name, cast('*' as varchar) as tenant_id;

create row access policy if not exists AIVO_ANALYTICS.PRIVACY.ROW_POLICY as (tenant varchar) returns boolean ->
    is_role_in_session('AIVO_TRANSFORMER') or is_role_in_session('AIVO_LOADER') or is_role_in_session('AIVO_UNMASKED')
    or exists (
        select 1
        from AIVO_ANALYTICS.PRIVACY.TENANT_ACCESS as access
        where is_role_in_session(access.role_name) and access.tenant_id = '*'
    )
    or exists (
        select 1
        from AIVO_ANALYTICS.PRIVACY.TENANT_ACCESS as access
        where is_role_in_session(access.role_name) and access.tenant_id = tenant
    );
alter row access policy AIVO_ANALYTICS.PRIVACY.ROW_POLICY set body ->
    is_role_in_session('AIVO_TRANSFORMER') or is_role_in_session('AIVO_LOADER') or is_role_in_session('AIVO_UNMASKED')
    or exists (
        select 1
        from AIVO_ANALYTICS.PRIVACY.TENANT_ACCESS as access
        where is_role_in_session(access.role_name) and access.tenant_id = '*'
    )
    or exists (
        select 1
        from AIVO_ANALYTICS.PRIVACY.TENANT_ACCESS as access
        where is_role_in_session(access.role_name) and access.tenant_id = tenant
    );

alter table AIVO_ANALYTICS.RAW.RAW_EVENTS modify column learner_id set masking policy AIVO_ANALYTICS.PRIVACY.MASKING_POLICY force;

-- Tables are granted to the reporter by dbt, once their policies are on them, and not as soon as they are made.
revoke select on future tables in schema AIVO_ANALYTICS.analytics from role AIVO_REPORTER;
grant apply on masking policy AIVO_ANALYTICS.PRIVACY.MASKING_POLICY to role AIVO_TRANSFORMER;
grant apply on row access policy AIVO_ANALYTICS.PRIVACY.ROW_POLICY to role AIVO_TRANSFORMER;
