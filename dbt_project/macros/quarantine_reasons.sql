{#- Why a record can be no event: the part of `_error` before the colon, in the order of ingest.events.Reason. -#}
{% macro quarantine_reasons() -%}
    {{ return([
        'empty', 'too_large', 'not_utf8', 'not_json', 'not_object', 'missing', 'wrong_type', 'too_long', 'bad_timestamp',
    ]) }}
{%- endmacro %}
