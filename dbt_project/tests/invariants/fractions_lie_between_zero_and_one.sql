-- What: mastery, confidence, completion and quality rates lie in 0..1, scores in 0..100, changes of mastery in -1..1.
-- When important: always. A rate of 1.3 on a dashboard costs the trust in all others.
-- How to resolve: `finding` names the column. A value outside means that numerator and denominator count different
-- things, or that a score went around staging, where such scores become null.

{%- set bounds = [
    ('mastery_deltas', 'previous_mastery', 0, 1), ('mastery_deltas', 'current_mastery', 0, 1),
    ('mastery_deltas', 'mastery_delta', -1, 1), ('mastery_deltas', 'confidence_score', 0, 1),
    ('session_metrics', 'completion_rate', 0, 1), ('session_metrics', 'avg_assessment_score', 0, 100),
    ('content_performance', 'completion_rate', 0, 1), ('content_performance', 'avg_assessment_score', 0, 100),
    ('data_quality_daily', 'quarantined_rate', 0, 1), ('data_quality_daily', 'duplicate_rate', 0, 1),
    ('data_quality_daily', 'late_rate', 0, 1), ('data_quality_daily', 'skew_corrected_rate', 0, 1),
    ('data_quality_daily', 'unknown_type_rate', 0, 1),
] %}

{% for model, column, low, high in bounds %}
    select
        '{{ model }}.{{ column }}' as finding,
        cast({{ column }} as double) as found_value
    from {{ ref(model) }}
    where {{ column }} < {{ low }} or {{ column }} > {{ high }}
    {{ 'union all' if not loop.last }}
{% endfor %}
