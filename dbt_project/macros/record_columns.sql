{#- The columns that base_records derives from a Kafka record and stg_records keeps, in order, written once:
    an incremental run puts new and known records under one another, by position. -#}
{% macro record_columns() -%}
    {{ return([
        'tenant_id', 'event_id', 'learner_id', 'session_id', 'event_type', 'source_event_type',
        'event_at', 'occurred_at', 'sent_at', 'published_at', 'received_at', 'schema_version',
        'content_type', 'content_id', 'lesson_id', 'assessment_id', 'page_id', 'item_id', 'skill_id', 'attempt_no',
        'is_correct', 'score_scaled', 'mastery_before', 'mastery_after', 'mastery_model', 'confidence',
        'target_type', 'target_id',
        'skew_corrected', 'future_clamped', 'late',
        'unparsable_data', 'score_assumed_percent', 'score_out_of_range', 'bad_max_score',
        'content_hash', 'data', 'metadata', '_error', '_raw',
        '_topic', '_topic_id', '_partition', '_offset', '_kafka_timestamp', '_ingested_at',
        '_file', '_file_row', '_loaded_at',
    ]) }}
{%- endmacro %}
