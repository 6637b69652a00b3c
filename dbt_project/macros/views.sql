{#- The first local date that a view of the last days shows: today and as many days before it. -#}
{% macro first_day_in_view() -%}
    cast({{ dbt.dateadd('day', -(var('realtime_view_days') | int), local_date(utc_now())) }} as date)
{%- endmacro %}

{#- A measure, or null where so few learners stand behind it that it would tell of one of them. -#}
{% macro of_a_cohort(measure) -%}
    case when learners_affected >= {{ var('min_cohort_size') }} then {{ measure }} end as {{ measure }}
{%- endmacro %}
