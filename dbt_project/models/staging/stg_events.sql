with records as (
    select * from {{ ref('stg_records') }}
),

events as (
    select *
    from records
    where record_status = 'event'
)

select * from events
