with mastery_deltas as (
    select *
    from {{ ref('mastery_deltas') }}
    where partition_date >= {{ first_day_in_view() }}
),

ordered as (
    select
        *,
        row_number() over (
            partition by tenant_id, learner_id, content_type, content_id, partition_date order by evidence_count
        ) as from_first,
        row_number() over (
            partition by tenant_id, learner_id, content_type, content_id, partition_date order by evidence_count desc
        ) as from_last
    from mastery_deltas
),

learners as (
    select
        tenant_id,
        learner_id,
        content_type,
        content_id,
        partition_date,
        count(*) as evidence_events,
        max(case when from_last = 1 then current_mastery end)
        - max(case when from_first = 1 then previous_mastery end) as mastery_change,
        max(case when from_last = 1 then current_mastery end) as last_mastery,
        max(case when from_last = 1 then confidence_score end) as last_confidence
    from ordered
    group by tenant_id, learner_id, content_type, content_id, partition_date
),

contents as (
    select
        tenant_id,
        content_type,
        content_id,
        partition_date,
        count(*) as learners_affected,
        cast(sum(evidence_events) as bigint) as evidence_events,
        {{ exact_mean('mastery_change') }} as avg_mastery_change,
        {{ exact_mean('last_mastery') }} as avg_current_mastery,
        {{ exact_mean('last_confidence') }} as avg_confidence,
        {{ count_where('mastery_change > 0') }} as learners_improved,
        {{ count_where('mastery_change < 0') }} as learners_declined
    from learners
    group by tenant_id, content_type, content_id, partition_date
),

content_mastery_trends as (
    select
        tenant_id,
        content_type,
        content_id,
        partition_date,
        learners_affected,
        {{ of_a_cohort('evidence_events') }},
        {{ of_a_cohort('avg_mastery_change') }},
        {{ of_a_cohort('avg_current_mastery') }},
        {{ of_a_cohort('avg_confidence') }},
        {{ of_a_cohort('learners_improved') }},
        {{ of_a_cohort('learners_declined') }}
    from contents
)

select * from content_mastery_trends
