{#- The order of one learner's events: total and deterministic. Mind that it holds within a learner only. -#}
{% macro event_order() -%}
    event_at, attempt_no nulls last, received_at nulls last, event_id
{%- endmacro %}
