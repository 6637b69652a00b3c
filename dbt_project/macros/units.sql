{#- Seconds as an exact decimal: a double would make the minutes add up to almost the session. -#}
{% macro microseconds_to_seconds(microseconds) -%}
    cast(({{ microseconds }}) * cast(0.000001 as decimal(7, 6)) as decimal(18, 6))
{%- endmacro %}

{#- A number of seconds, known when compiled, in microseconds: a literal, because their product overflows 32 bits. -#}
{% macro seconds_as_microseconds(seconds) -%}
    {{ return((seconds | int) * 1000000) }}
{%- endmacro %}

{#- A count of rows for which the condition holds. -#}
{% macro count_where(condition) -%}
    cast(sum(case when {{ condition }} then 1 else 0 end) as bigint)
{%- endmacro %}

{#- A hash of text columns. Every part carries its length, so no value can imitate the border between two. -#}
{% macro hash_of(parts) -%}
    md5(
        {%- for part in parts %}
        coalesce(cast(length({{ part }}) as varchar) || ':' || {{ part }}, '~'){{ ' ||' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{#- One row per whole number from 0 to last, in the column n. -#}
{% macro numbers_to(last) -%}
    {%- for n in range(last + 1) %}
    {{ 'union all ' if not loop.first }}select cast({{ n }} as bigint) as n
    {%- endfor %}
{%- endmacro %}

{#- A fraction in percent, to twelve decimals: exact, so that a mean does not depend on the order of its terms. -#}
{% macro percent(fraction) -%}
    cast(100 * {{ fraction }} as decimal(18, 12))
{%- endmacro %}

{#- The quotient of two exact numbers as a double; null when there is nothing to divide by. -#}
{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}

{#- The mean of an exact number; null when there is none. -#}
{% macro exact_mean(number) -%}
    {{ ratio('sum(' ~ number ~ ')', 'count(' ~ number ~ ')') }}
{%- endmacro %}

{#- A percentile of a number of microseconds, interpolated, in seconds. -#}
{% macro percentile_in_seconds(microseconds, fraction) -%}
    percentile_cont({{ fraction }}) within group (order by {{ microseconds }}) / 1000000
{%- endmacro %}
