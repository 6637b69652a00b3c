{#- Job records, none: what int_transform_runs starts from, and what stands for a table that is not there yet. -#}
{% macro no_job_runs() -%}
select *
from (
    select
        cast(null as {{ dbt.type_string() }}) as job_id,
        cast(null as {{ dbt.type_string() }}) as job_type,
        cast(null as {{ dbt.type_string() }}) as status,
        cast(null as timestamp) as started_at,
        cast(null as timestamp) as completed_at,
        cast(null as bigint) as records_processed,
        cast(null as bigint) as records_failed,
        cast(null as bigint) as bytes_processed,
        cast(null as {{ dbt.type_string() }}) as error_message,
        cast(null as bigint) as record_number,
        cast(null as timestamp) as recorded_at,
        cast(null as timestamp) as loaded_until
) as nothing
where 1 = 0
{%- endmacro %}
