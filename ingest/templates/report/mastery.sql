with days as (
    select
        tenant_id,
        content_type,
        content_id,
        partition_date,
        learners_affected,
        evidence_events,
        avg_current_mastery
    from analytics.content_mastery_trends
    where
        partition_date > cast('{{ after }}' as date)
        and avg_current_mastery is not null
),

contents as (
    select
        tenant_id,
        content_type,
        content_id,
        row_number() over (
            order by sum(evidence_events) desc, tenant_id, content_type, content_id
        ) as place
    from days
    group by tenant_id, content_type, content_id
)

select
    contents.place,
    days.tenant_id,
    days.content_type,
    days.content_id,
    days.partition_date,
    days.learners_affected,
    days.evidence_events,
    days.avg_current_mastery
from days
inner join contents
    on
        days.tenant_id = contents.tenant_id
        and days.content_type = contents.content_type
        and days.content_id = contents.content_id
where contents.place <= {{ rows }}
order by contents.place, days.partition_date
