{#-
    Incremental by load time, right in any order of arrival.

    What is new is what was loaded since the newest row that the model holds, less an overlap. New records name what to
    rebuild, and nothing else is touched:

    stretches   a stretch is a run of a learner's records without a silence longer than any session survives, so no
                session, old or new, crosses its edge. `int_learner_stretches` keeps them.
    keys        what a model's rows are about (a learner's target, a content's day), wherever a record in a
                touched stretch names it.

    A record that shares its event id with a new one is touched too (`_touched_at` in stg_records): it may have been the
    one kept until now, for another learner or at another time. Removed duplicates count as records, so that stretches
    and keys cover the old state as well as the new.
-#}

{#- Load times from here on are new to this model. -#}
{% macro loaded_after() -%}
    (
        select
            {{ dbt.dateadd(
                'second', -var('load_overlap_seconds'), "coalesce(max(_loaded_at), cast('1971-01-01' as timestamp))"
            ) }}
        from {{ this }}
    )
{%- endmacro %}

{#- In a full refresh, rows in the order of a column lie together on disk, and later runs skip what they don't need. -#}
{% macro in_stored_order(column) -%}
    {{ 'order by ' ~ column if not is_incremental() }}
{%- endmacro %}

{#- Whether a row's load time is new to this model; in a full refresh all are. -#}
{% macro is_new(column) -%}
    {{ column ~ ' >= ' ~ loaded_after() if is_incremental() else 'true' }}
{%- endmacro %}

{#- The stretches to rebuild: tenant_id, learner_id, starts_at, ends_at. A stretch that lost a record to retention is
    closed: what is left of it would give less than the rows that stand. -#}
{% macro touched_stretches() -%}
    select tenant_id, learner_id, starts_at, ends_at
    from {{ ref('int_learner_stretches') }}
    where _loaded_at >= {{ loaded_after() }} and not {{ is_closed() }}
{%- endmacro %}

{#- Whether a stretch began before what staging still holds. -#}
{% macro is_closed() -%}
    (_first_loaded_at < (select min(_loaded_at) from {{ ref('stg_records') }}))
{%- endmacro %}

{#- For tests, which hold tables of different ages against each other: keep the rows of `alias` whose time lies in no
    closed stretch. It ends the from clause with a where. -#}
{% macro outside_closed_stretches(alias, column) -%}
    left join (
        select tenant_id, learner_id, starts_at, ends_at
        from {{ ref('int_learner_stretches') }}
        where {{ is_closed() }}
    ) as closed
        on {{ alias }}.tenant_id = closed.tenant_id
        and {{ alias }}.learner_id = closed.learner_id
        and {{ alias }}.{{ column }} between {{ dbt.date_trunc('minute', 'closed.starts_at') }} and closed.ends_at
    where closed.tenant_id is null
{%- endmacro %}

{#- No session of any kind survives a longer silence; at least a minute, so that two stretches share no minute. -#}
{% macro longest_silence_seconds() -%}
    {{ return([var('explicit_session_max_gap_seconds'), var('session_gap_seconds'), 60] | map('int') | max) }}
{%- endmacro %}

{#- dbt looks for references before it knows whether a run is incremental: these are the ones that only then show. -#}
{% macro declare_touched() -%}
    {%- if not execute -%}
        {%- do [ref('stg_records'), ref('int_learner_stretches')] -%}
    {%- endif -%}
{%- endmacro %}

{#- The time from the first touched stretch to the last, as literals: with them an engine skips what it has stored of other
    times without reading it. It is a bound and no more; the stretches decide. -#}
{% macro within_touched_time(column) -%}
    {%- set bounds = run_query(
        'select min(starts_at), max(ends_at) from (' ~ touched_stretches() ~ ') as stretches'
    ).rows[0] -%}
    {%- if bounds[0] is none -%}
        {{ return('1 = 0') }}
    {%- endif -%}
    {{ return(column ~ " between " ~ dbt.date_trunc('minute', "cast('" ~ bounds[0] ~ "' as timestamp)")
        ~ " and cast('" ~ bounds[1] ~ "' as timestamp)") }}
{%- endmacro %}

{#- In an incremental run, keep the rows of `alias` whose time lies in a touched stretch. -#}
{% macro within_touched_stretches(alias, column='event_at') -%}
    {{- declare_touched() -}}
    {%- if is_incremental() -%}
    inner join (
    {{ touched_stretches() }}
    ) as stretches
        on {{ alias }}.tenant_id = stretches.tenant_id
        and {{ alias }}.learner_id = stretches.learner_id
        and {{ alias }}.{{ column }} between stretches.starts_at and stretches.ends_at
        and {{ within_touched_time(alias ~ '.' ~ column) }}
    {%- endif -%}
{%- endmacro %}

{#- The model's unique_key as a list. -#}
{% macro unique_keys() -%}
    {%- set key = config.get('unique_key') -%}
    {{ return([key] if key is string else key) }}
{%- endmacro %}

{#- The keys to rebuild, in the order of the model's unique_key. One macro for each kind of key. -#}
{% macro touched_keys() -%}
    {{ return(context[config.get('meta')['touched_keys']]()) }}
{%- endmacro %}

{#- Records, kept or removed, that lie in a touched stretch. -#}
{% macro touched_records() -%}
    select records.*
    from {{ ref('stg_records') }} as records
    inner join (
    {{ touched_stretches() }}
    ) as stretches
        on records.tenant_id = stretches.tenant_id
        and records.learner_id = stretches.learner_id
        and records.event_at between stretches.starts_at and stretches.ends_at
    where records.record_status <> 'quarantined' and {{ within_touched_time('records.event_at') }}
{%- endmacro %}

{#- What learners were measured on. -#}
{% macro touched_targets() -%}
    select distinct tenant_id, learner_id, target_type as content_type, target_id as content_id
    from (
    {{ touched_records() }}
    ) as records
    where target_id is not null
{%- endmacro %}

{#- A content's days. -#}
{% macro touched_content_days() -%}
    select distinct tenant_id, content_type, content_id, {{ local_date('event_at') }} as partition_date
    from (
    {{ touched_records() }}
    ) as records
    where content_id is not null
{%- endmacro %}

{#- Hours of which a record has changed, and those that an earlier copy of a record may leave. Older ones than staging holds
    stay as they are. -#}
{% macro touched_hours() -%}
    select loaded_hour
    from (
        select {{ dbt.date_trunc('hour', '_first_loaded_at') }} as loaded_hour
        from {{ ref('stg_records') }}
        where _touched_at >= {{ loaded_after() }}
        union
        select loaded_hour
        from {{ this }}
        where loaded_hour >= {{ dbt.date_trunc('hour', loaded_after()) }}
    ) as hours
    where loaded_hour >= (select {{ dbt.date_trunc('hour', 'min(_loaded_at)') }} from {{ ref('stg_records') }})
{%- endmacro %}

{#- In an incremental run, keep the rows of `alias` that are about a touched key. -#}
{% macro about_touched_keys(alias) -%}
    {{- declare_touched() -}}
    {%- if is_incremental() -%}
    inner join (
    {{ touched_keys() }}
    ) as touched
        on {% for key in unique_keys() %}{{ 'and ' if not loop.first }}{{ alias }}.{{ key }} = touched.{{ key }} {% endfor %}
    {%- endif -%}
{%- endmacro %}

{#- Strategy: delete the touched stretches, insert what they hold now.
    `delete+insert` would leave rows behind whose key no longer exists, as when a late event joins two sessions. -#}
{% macro get_incremental_rebuild_stretches_sql(arg_dict) -%}
    {%- set condition -%}
    stored.tenant_id = touched.tenant_id
        and stored.learner_id = touched.learner_id
        and stored.{{ config.get('meta')['stretch_column'] }}
            between {{ dbt.date_trunc('minute', 'touched.starts_at') }} and touched.ends_at
        and {{ within_touched_time('stored.' ~ config.get('meta')['stretch_column']) }}
    {%- endset -%}
    {{ return(replace_touched(arg_dict, touched_stretches(), condition)) }}
{%- endmacro %}

{#- Strategy: delete the touched keys, insert what they hold now. -#}
{% macro get_incremental_rebuild_keys_sql(arg_dict) -%}
    {%- set condition -%}
    {% for key in unique_keys() %}{{ 'and ' if not loop.first }}stored.{{ key }} = touched.{{ key }} {% endfor %}
    {%- endset -%}
    {{ return(replace_touched(arg_dict, touched_keys(), condition)) }}
{%- endmacro %}

{% macro replace_touched(arg_dict, touched, condition) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set statements -%}
    delete from {{ target_relation }} as stored
    using (
    {{ touched }}
    ) as touched
    where {{ condition }};

    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }};
    {%- endset -%}
    {{ return(in_one_transaction(statements)) }}
{%- endmacro %}
