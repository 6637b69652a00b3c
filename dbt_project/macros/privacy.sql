{#-
    On Snowflake, with the var `privacy_policies`, every table that names a learner gets the masking policy, and every one
    that names a tenant the row access policy, of infra/snowflake/07_privacy.sql; only then is it granted to the reporter. A session's key
    is masked too: it is a hash of the learner's id and of what the reporter sees beside it. Views need none: they show
    what their reader may see of the tables below. A table that is made anew has lost its policies, so these are post-hooks.
-#}
{% macro mask(column) -%}
    {%- if is_protected(column) -%}
        alter table {{ this }} modify column {{ column }} set masking policy {{ policy('masking_policy') }} force
    {%- endif -%}
{%- endmacro %}

{% macro limit_tenants() -%}
    {%- if is_protected('tenant_id') and not is_limited() -%}
        alter table {{ this }} add row access policy {{ policy('row_policy') }} on (tenant_id)
    {%- endif -%}
{%- endmacro %}

{% macro grant_to_reporter() -%}
    {%- if is_guarded() and model.schema | lower == 'analytics' -%}
        grant select on table {{ this }} to role {{ var('reporter_role') }}
    {%- endif -%}
{%- endmacro %}

{% macro policy(name) -%}
    {{ return(target.database ~ '.privacy.' ~ name) }}
{%- endmacro %}

{#- Whether the model at hand is a table that policies guard. -#}
{% macro is_guarded() -%}
    {{ return(
        execute and target.type == 'snowflake' and var('privacy_policies') and config.get('materialized') != 'view'
    ) }}
{%- endmacro %}

{#- Whether a policy belongs on this column of it. -#}
{% macro is_protected(column) -%}
    {%- if not is_guarded() -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(column in adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower')) }}
{%- endmacro %}

{#- Whether it has its policy on rows already: a second one is an error. -#}
{% macro is_limited() -%}
    {%- set found = run_query(
        'select count(*) from table(' ~ target.database ~ ".information_schema.policy_references(ref_entity_name => '" ~ this
        ~ "', ref_entity_domain => 'TABLE')) where policy_kind = 'ROW_ACCESS_POLICY'"
    ) -%}
    {{ return(found.rows[0][0] > 0) }}
{%- endmacro %}
