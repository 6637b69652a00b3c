with session_contents as (
    select session_contents.*
    from {{ ref('int_session_contents') }} as session_contents
    {{ about_touched_keys('session_contents') }}
),

counted as (
    select
        tenant_id,
        content_type,
        content_id,
        partition_date,
        cast(sum(starts) as bigint) as starts,
        cast(sum(completions) as bigint) as completions,
        count(distinct learner_id) as learners,
        count(distinct case when starts > 0 or completions > 0 then learner_id end) as learners_attempted,
        count(distinct case when completions > 0 then learner_id end) as learners_completed,
        cast(sum(graded_attempts) as bigint) as graded_attempts,
        {{ ratio('sum(score_sum)', 'sum(graded_attempts)') }} as avg_assessment_score,
        max(_loaded_at) as _loaded_at
    from session_contents
    group by tenant_id, content_type, content_id, partition_date
),

content_performance as (
    select
        tenant_id,
        content_type,
        content_id,
        partition_date,
        starts,
        completions,
        learners,
        learners_attempted,
        learners_completed,
        {{ ratio('learners_completed', 'learners_attempted') }} as completion_rate,
        graded_attempts,
        avg_assessment_score,
        _loaded_at
    from counted
)

select * from content_performance
