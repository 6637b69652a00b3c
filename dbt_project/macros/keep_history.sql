{#-
    A full refresh makes a table anew from the raw rows that are left, and aggregates are kept longer than those. So before
    anything runs, a full refresh that would lose rows is refused.
-#}
{% macro keep_history() -%}
    {%- if execute and flags.FULL_REFRESH and flags.WHICH in ('run', 'build') and not var('allow_history_loss') -%}
        {%- set lost = tables_that_would_lose_history() -%}
        {%- if lost -%}
            {{ exceptions.raise_compiler_error(
                'Nothing was run: a full refresh would lose rows of ' ~ lost | join(', ') ~ ' that are older than the raw events '
                'they came from. Leave out --full-refresh, or --exclude these; if the rows may go, as when '
                'everything was loaded anew, add --vars "allow_history_loss: true".'
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- Selected tables with a row whose records have all left the raw table. -#}
{% macro tables_that_would_lose_history() -%}
    {%- set raw = source('raw', 'raw_events') -%}
    {%- set lost = [] -%}
    {%- for table in aging_tables(false) if table.retention == 'aggregate' and table.unique_id in selected_resources -%}
        {%- if load_relation(raw) is not none and run_query(
            'select count(*) from ' ~ table.relation ~ ' where _loaded_at < (select min(' ~ utc('_loaded_at') ~ ') from ' ~ raw ~ ')'
        ).rows[0][0] -%}
            {%- do lost.append(table.relation.identifier) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(lost) }}
{%- endmacro %}
