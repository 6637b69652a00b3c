select
    tenant_id,
    content_type,
    content_id,
    sum(learners_attempted) as attempted,
    sum(learners_completed) as completed,
    sum(learners_completed) / nullif(sum(learners_attempted), 0) as completion_rate
from analytics.content_performance
where
    content_type in ('lesson', 'assessment')
    and partition_date >= cast('{{ since }}' as date)
group by tenant_id, content_type, content_id
having sum(learners_attempted) >= {{ least }}
order by
    sum(learners_completed) / nullif(sum(learners_attempted), 0),
    sum(learners_attempted) desc,
    tenant_id,
    content_type,
    content_id
limit {{ rows }}
