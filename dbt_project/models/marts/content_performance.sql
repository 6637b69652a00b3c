with session_contents as (
    select session_contents.*
    from {{ ref('int_session_contents') }} as session_contents
    {{ about_touched_keys('session_contents') }}
),

content_performance as (
    select
        tenant_id,
        content_type,
        content_id,
        partition_date,
        cast(sum(starts) as bigint) as starts,
        cast(sum(completions) as bigint) as completions,
        count(distinct learner_id) as learners,
        {{ ratio(
            'count(distinct case when completions > 0 then learner_id end)',
            'count(distinct case when starts > 0 or completions > 0 then learner_id end)'
        ) }} as completion_rate,
        cast(sum(graded_attempts) as bigint) as graded_attempts,
        {{ ratio('sum(score_sum)', 'sum(graded_attempts)') }} as avg_assessment_score,
        max(_loaded_at) as _loaded_at
    from session_contents
    group by tenant_id, content_type, content_id, partition_date
)

select * from content_performance
