{#-
    On Snowflake, with the var `privacy_policies`, every table that names a learner gets the masking policy, and every one
    that names a tenant the row access policy, of infra/snowflake/07_privacy.sql. Views need none: they show what their
    reader may see of the tables below. A table that is made anew has lost its policies, so this is a post-hook.
-#}
{% macro mask_learners() -%}
    {%- if is_protected('learner_id') -%}
        alter table {{ this }} modify column learner_id set masking policy {{ policy('masking_policy') }} force
    {%- endif -%}
{%- endmacro %}

{% macro limit_tenants() -%}
    {%- if is_protected('tenant_id') and not is_limited() -%}
        alter table {{ this }} add row access policy {{ policy('row_policy') }} on (tenant_id)
    {%- endif -%}
{%- endmacro %}

{% macro policy(name) -%}
    {{ return(target.database ~ '.privacy.' ~ name) }}
{%- endmacro %}

{#- Whether a policy belongs on this column of the model at hand. -#}
{% macro is_protected(column) -%}
    {%- if not execute or target.type != 'snowflake' or not var('privacy_policies') or config.get('materialized') == 'view' -%}
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
