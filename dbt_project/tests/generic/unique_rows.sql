{#- No two rows share the key: the columns that make one row one row. -#}
{% test unique_rows(model, key) %}
    select
        {{ key | join(', ') }},
        count(*) as rows_with_this_key
    from {{ model }}
    group by {{ key | join(', ') }}
    having count(*) > 1
{% endtest %}
