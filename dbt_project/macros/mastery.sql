{#-
    The decayed mean. With S_n = Σ λ^(n−i)·s_i taken as λ^n · Σ λ^(−i)·s_i the inner power overflows after some thousand
    attempts, so attempts are cut into blocks that are short enough for it, and a block takes over what the one before ended
    with. What lies two blocks back weighs less than 10^−50 and is left out.
-#}

{% macro mastery_type() -%} decimal(10, 9) {%- endmacro %}

{% macro prior() -%} cast({{ var('mastery_prior') }} as double) {%- endmacro %}

{% macro prior_weight() -%} cast({{ var('mastery_prior_weight') }} as double) {%- endmacro %}

{#- λ to a power, a column or an expression of whole numbers. -#}
{% macro decay_to(power) -%}
    power(cast({{ decay() }} as double), {{ power }})
{%- endmacro %}

{#- W_n = Σ λ^(n−i), in closed form. -#}
{% macro decay_weight(count) -%}
    {%- if decay() == 1 -%}
        cast({{ count }} as double)
    {%- else -%}
        ((1 - {{ decay_to(count) }}) / (1 - cast({{ decay() }} as double)))
    {%- endif -%}
{%- endmacro %}

{% macro decay() -%}
    {%- set decay = var('mastery_decay') | float -%}
    {%- if not 0.001 <= decay <= 1 -%}
        {{ exceptions.raise_compiler_error('mastery_decay is ' ~ decay ~ '. Set a number from 0.001 to 1 in dbt_project.yml.') }}
    {%- endif -%}
    {{ return(decay) }}
{%- endmacro %}

{#- Attempts in a block: the greatest power of two that keeps λ^−block below 10^100. -#}
{% macro decay_block() -%}
    {%- set sizes = [] -%}
    {%- for exponent in range(1, 31) if decay() ** (2 ** exponent) >= 1e-100 -%}
        {%- do sizes.append(2 ** exponent) -%}
    {%- endfor -%}
    {{ return(sizes[-1]) }}
{%- endmacro %}
