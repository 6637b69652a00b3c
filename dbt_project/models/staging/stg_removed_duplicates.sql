with records as (
    select * from {{ ref('stg_records') }}
),

removed_duplicates as (
    select *
    from records
    where record_status = 'duplicate'
)

select * from removed_duplicates
