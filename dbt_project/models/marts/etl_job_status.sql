with records as (
    select {{ job_columns() | join(', ') }}
    from {{ ref('base_job_runs') }}
    union all
    select {{ job_columns() | join(', ') }}
    from {{ ref('int_transform_runs') }}
),

last_records as (
    select *
    from records
    qualify row_number() over (partition by job_type, job_id order by record_number desc) = 1
),

etl_job_status as (
    select
        job_id,
        job_type,
        status,
        started_at,
        completed_at,
        records_processed,
        records_failed,
        bytes_processed,
        error_message,
        recorded_at as last_heard_at,
        status = 'running'
        and {{ microseconds_between('recorded_at', utc_now()) }} > {{ seconds_as_microseconds(7200) }} as is_silent
    from last_records
)

select * from etl_job_status
