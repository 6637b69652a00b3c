with payloads as (
    select * from {{ ref('base_event_payloads') }}
),

event_types as (
    select * from {{ ref('event_types') }}
),

records as (
    select
        payloads.tenant_id,
        payloads.event_id,
        payloads.learner_id,
        nullif(payloads.session_id, '') as session_id,
        case
            when payloads._error is null then coalesce(event_types.event_type, 'custom')
        end as event_type,
        payloads.event_type as source_event_type,
        payloads.event_at,
        payloads.occurred_at,
        payloads.sent_at,
        payloads.published_at,
        payloads.received_at,
        payloads.schema_version,
        case
            when payloads.lesson_id is not null then 'lesson'
            when payloads.assessment_id is not null then 'assessment'
            when payloads.resource_id is not null then 'resource'
            when payloads.page_id is not null then 'page'
            when payloads.content_id is not null then 'content'
        end as content_type,
        coalesce(
            payloads.lesson_id,
            payloads.assessment_id,
            payloads.resource_id,
            payloads.page_id,
            payloads.content_id
        ) as content_id,
        payloads.lesson_id,
        payloads.assessment_id,
        payloads.page_id,
        payloads.item_id,
        payloads.skill_id,
        cast(
            case
                when payloads.attempt between 1 and 1000000000 and payloads.attempt = floor(payloads.attempt)
                    then payloads.attempt
            end as bigint
        ) as attempt_no,
        payloads.is_correct,
        case when payloads.score_fraction between 0 and 1 then payloads.score_fraction end as score_scaled,
        payloads.mastery_before,
        payloads.mastery_after,
        payloads.mastery_model,
        payloads.confidence,
        payloads.skew_corrected,
        payloads.future_clamped,
        payloads.late,
        payloads.unparsable_data,
        payloads.score_assumed_percent,
        coalesce(payloads.score_fraction not between 0 and 1, false) as score_out_of_range,
        payloads.bad_max_score,
        {{ hash_of([
            'payloads.event_type',
            'cast(' ~ epoch_milliseconds('payloads.occurred_at') ~ ' as varchar)',
            'payloads.learner_id',
            "nullif(payloads.session_id, '')",
            'payloads.data',
        ]) }} as content_hash,
        payloads.data,
        payloads.metadata,
        payloads._error,
        payloads._raw,
        payloads._topic,
        payloads._topic_id,
        payloads._partition,
        payloads._offset,
        payloads._kafka_timestamp,
        payloads._ingested_at,
        payloads._file,
        payloads._file_row,
        payloads._loaded_at
    from payloads
    left join event_types
        on payloads.event_type = event_types.source_event_type
),

judged as (
    select
        *,
        event_type = 'mastery_updated' and mastery_after between 0 and 1 as is_report,
        event_type in ('item_answered', 'assessment_complete') and score_scaled is not null as is_graded
    from records
),

targeted as (
    select
        *,
        case
            when is_report and skill_id is not null then 'skill'
            when is_report then content_type
            when is_graded and event_type = 'assessment_complete'
                then case when assessment_id is not null then 'assessment' end
            when is_graded and skill_id is not null then 'skill'
            when is_graded and item_id is not null then 'item'
        end as target_type
    from judged
),

with_targets as (
    select
        *,
        case
            when target_type is null then null
            when target_type = 'skill' then skill_id
            when target_type = 'item' then item_id
            when is_graded then assessment_id
            else content_id
        end as target_id
    from targeted
)

select * from with_targets
