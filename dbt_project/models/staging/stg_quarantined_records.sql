with records as (
    select * from {{ ref('stg_records') }}
),

quarantined_records as (
    select *
    from records
    where record_status = 'quarantined'
)

select * from quarantined_records
