with contents as (
    select
        tenant_id,
        content_type,
        content_id,
        sum(starts) as starts,
        sum(completions) as completions,
        sum(completion_rate * learners)
        / nullif(sum(case when completion_rate is not null then learners else 0 end), 0) as completion_rate
    from analytics.content_performance
    where
        content_type in ('lesson', 'assessment')
        and partition_date >= cast('{{ since }}' as date)
    group by tenant_id, content_type, content_id
),

placed as (
    select
        *,
        row_number() over (partition by content_type order by starts desc, tenant_id, content_id) as place
    from contents
    where starts > 0
)

select
    tenant_id,
    content_type,
    content_id,
    starts,
    completions,
    completion_rate
from placed
where place <= {{ rows }}
order by content_type desc, place
