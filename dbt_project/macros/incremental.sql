{#-
    Incremental by load time, right in any order of arrival.

    What is new is what was loaded since the newest row that the model holds, less an overlap. New records name
    the learners, and of each learner the stretches of time, to rebuild: a stretch is a run of a learner's records
    without a silence longer than any session survives. No session, old or new, crosses the edge of a stretch, so
    rebuilding the touched stretches and nothing else gives what a full refresh gives.
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

{#- One row per stretch to rebuild: tenant_id, learner_id, starts_at, ends_at.
    A record that shares its event id with a new one is touched too: it may have been the one kept until now,
    for another learner or at another time. Removed duplicates count as records, so that a stretch covers the old
    state as well as the new. -#}
{% macro touched_stretches() -%}
    with records as (
        select tenant_id, learner_id, event_id, event_at, _loaded_at
        from {{ ref('stg_records') }}
        where record_status <> 'quarantined'
    ),

    touched_events as (
        select distinct tenant_id, event_id
        from records
        where _loaded_at >= {{ loaded_after() }}
    ),

    touched_learners as (
        select distinct records.tenant_id, records.learner_id
        from records
        inner join touched_events
            on records.tenant_id = touched_events.tenant_id and records.event_id = touched_events.event_id
    ),

    records_of_learners as (
        select
            records.tenant_id,
            records.learner_id,
            records.event_at,
            case when touched_events.event_id is null then 0 else 1 end as is_touched,
            lag(records.event_at) over (
                partition by records.tenant_id, records.learner_id order by records.event_at
            ) as previous_event_at
        from records
        inner join touched_learners
            on records.tenant_id = touched_learners.tenant_id and records.learner_id = touched_learners.learner_id
        left join touched_events
            on records.tenant_id = touched_events.tenant_id and records.event_id = touched_events.event_id
    ),

    numbered as (
        select
            tenant_id,
            learner_id,
            event_at,
            is_touched,
            sum(
                case
                    when {{ microseconds_between('previous_event_at', 'event_at') }}
                        > {{ seconds_as_microseconds(longest_silence_seconds()) }} then 1
                    else 0
                end
            ) over (
                partition by tenant_id, learner_id order by event_at rows between unbounded preceding and current row
            ) as stretch_number
        from records_of_learners
    )

    select
        tenant_id,
        learner_id,
        min(event_at) as starts_at,
        max(event_at) as ends_at
    from numbered
    group by tenant_id, learner_id, stretch_number
    having max(is_touched) = 1
{%- endmacro %}

{#- No session of any kind survives a longer silence; at least a minute, so that two stretches share no minute. -#}
{% macro longest_silence_seconds() -%}
    {{ return([var('explicit_session_max_gap_seconds'), var('session_gap_seconds'), 60] | map('int') | max) }}
{%- endmacro %}

{#- In an incremental run, keep the rows of `alias` whose time lies in a touched stretch. -#}
{% macro within_touched_stretches(alias, column) -%}
    {%- if is_incremental() -%}
    inner join (
    {{ touched_stretches() }}
    ) as stretches
        on {{ alias }}.tenant_id = stretches.tenant_id
        and {{ alias }}.learner_id = stretches.learner_id
        and {{ alias }}.{{ column }} between stretches.starts_at and stretches.ends_at
    {%- endif -%}
{%- endmacro %}

{#- The strategy of the models above staging: delete the touched stretches, insert what they hold now.
    `delete+insert` would leave rows behind whose key no longer exists, as when a late event joins two sessions. -#}
{% macro get_incremental_rebuild_stretches_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set statements -%}
    delete from {{ target_relation }} as stored
    using (
    {{ touched_stretches() }}
    ) as stretches
    where stored.tenant_id = stretches.tenant_id
        and stored.learner_id = stretches.learner_id
        and stored.{{ config.get('meta')['stretch_column'] }}
            between {{ dbt.date_trunc('minute', 'stretches.starts_at') }} and stretches.ends_at;

    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }};
    {%- endset -%}
    {{ return(in_one_transaction(statements)) }}
{%- endmacro %}
