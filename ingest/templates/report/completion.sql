with contents as (
    select
        tenant_id,
        content_type,
        content_id,
        sum(learners_attempted) as attempted,
        sum(learners_completed) as completed
    from analytics.content_performance
    where
        content_type in ('lesson', 'assessment')
        and partition_date >= cast('{{ since }}' as date)
    group by tenant_id, content_type, content_id
),

placed as (
    select
        *,
        row_number() over (partition by content_type order by attempted desc, tenant_id, content_id) as place
    from contents
    where attempted > 0
)

select
    tenant_id,
    content_type,
    content_id,
    attempted,
    completed,
    completed / nullif(attempted, 0) as completion_rate
from placed
where place <= {{ rows }}
order by content_type desc, place
