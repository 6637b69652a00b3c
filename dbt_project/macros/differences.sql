{#- What two relations of one query don't share, row by row: nothing if they hold the same rows. -#}
{% macro differences(found, expected) -%}
    select 'expected and not there' as finding, missing.*
    from (
        select * from {{ expected }}
        except all
        select * from {{ found }}
    ) as missing
    union all
    select 'there and not expected' as finding, unexpected.*
    from (
        select * from {{ found }}
        except all
        select * from {{ expected }}
    ) as unexpected
{%- endmacro %}
