{#- Where raw rows come from: the loader's table, or on target `fixtures` the seed that stands in for it. -#}
{% macro raw_events() -%}
    {%- if target.name == 'fixtures' -%}
        {{ return(ref('test_raw_events')) }}
    {%- endif -%}
    {%- set relation = source('raw', 'raw_events') -%}
    {%- if execute and flags.WHICH in ('run', 'build') and load_relation(relation) is none -%}
        {{ exceptions.raise_compiler_error(
            'There is no table ' ~ relation ~ ': nothing has been loaded into this warehouse yet. '
            'Load events first (`ingest load`), or point DUCKDB_PATH at a warehouse that has them.'
        ) }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}

{#- Where job records come from: the loader's table, or nowhere as long as no run has left one. -#}
{% macro raw_job_runs() -%}
    {{ return(table_or_nothing(source('raw', 'job_runs'), no_job_runs())) }}
{%- endmacro %}

{#- What was loaded: the loader's table. Snowpipe keeps none; `ingest verify` asks Snowflake itself. -#}
{% macro raw_load_history() -%}
    {{ return(table_or_nothing(
        source('raw', 'load_history'),
        "select * from (select '' as file, '' as status, 0 as records, cast(null as timestamp) as completed_at) as nothing "
        "where 1 = 0"
    )) }}
{%- endmacro %}

{% macro table_or_nothing(relation, nothing) -%}
    {{ return('(' ~ nothing ~ ')' if execute and load_relation(relation) is none else relation) }}
{%- endmacro %}
