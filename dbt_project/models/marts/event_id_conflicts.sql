with records as (
    select * from {{ ref('stg_records') }}
),

conflicts as (
    select
        tenant_id,
        event_id,
        count(*) as records,
        count(distinct content_hash) as distinct_contents,
        min(received_at) as first_received_at,
        max(received_at) as last_received_at
    from records
    where record_status <> 'quarantined'
    group by tenant_id, event_id
    having count(distinct content_hash) > 1
)

select * from conflicts
