{#- The first local date that a view of the last days shows: today and as many days before it. -#}
{% macro first_day_in_view() -%}
    cast({{ dbt.dateadd('day', -(var('realtime_view_days') | int), local_date(utc_now())) }} as date)
{%- endmacro %}
