{#- No row is null in any of the columns: for views, whose constraints no engine enforces. -#}
{% test never_null(model, columns) %}
    select *
    from {{ model }}
    where
        {%- for column in columns %}
        {{ 'or ' if not loop.first }}{{ column }} is null
        {%- endfor %}
{% endtest %}
