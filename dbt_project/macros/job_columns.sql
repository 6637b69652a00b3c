{#- The columns of a job record that `etl_job_status` reads, in order: records of two tables come under one another. -#}
{% macro job_columns() -%}
    {{ return([
        'job_id', 'job_type', 'status', 'started_at', 'completed_at', 'records_processed', 'records_failed',
        'bytes_processed', 'error_message', 'record_number', 'recorded_at',
    ]) }}
{%- endmacro %}
