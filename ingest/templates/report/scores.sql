select
    tenant_id,
    content_type,
    content_id,
    sum(graded_attempts) as graded_attempts,
    sum(avg_assessment_score * graded_attempts) / sum(graded_attempts) as average_score
from analytics.content_performance
where
    graded_attempts > 0
    and partition_date >= cast('{{ since }}' as date)
group by tenant_id, content_type, content_id
order by sum(graded_attempts) desc, tenant_id, content_type, content_id
limit {{ rows }}
