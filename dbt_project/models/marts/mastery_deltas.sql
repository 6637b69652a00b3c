{%- set target = 'tenant_id, learner_id, content_type, content_id' %}
{%- set block = decay_block() %}

with evidence as (
    select evidence.*
    from {{ ref('int_mastery_evidence') }} as evidence
    {{ about_touched_keys('evidence') }}
),

methods as (
    select
        *,
        max(case when event_type = 'mastery_updated' then 1 else 0 end) over (partition by {{ target }}) = 1
            as is_reported
    from evidence
),

gradings as (
    select
        *,
        count(*) over (partition by {{ target }}, item_id, attempt_no) as times_graded,
        lead(event_id) over (
            partition by {{ target }}, item_id, attempt_no
            order by {{ event_order() }}
        ) as graded_again_by
    from methods
    where event_type = 'mastery_updated' or not is_reported
),

counting as (
    select
        *,
        attempt_no is not null and times_graded > 1 as regraded,
        row_number() over (partition by {{ target }} order by {{ event_order() }}) as evidence_count
    from gradings
    where attempt_no is null or graded_again_by is null
),

{% if var('mastery_bkt') %}
    {{ bkt_ctes('counting', target) }}
{% endif %}

placed as (
    select
        *,
        floor((evidence_count - 1) / {{ block }}) as block_number,
        mod(evidence_count - 1, {{ block }}) as place
    from counting
),

weighed as (
    select
        *,
        {{ decay_to('place') }} * sum(score_scaled * {{ decay_to('-place') }}) over (
            partition by {{ target }}, block_number
            order by evidence_count
            rows between unbounded preceding and current row
        ) as block_score
    from placed
),

carried as (
    select
        *,
        max(case when place = {{ block - 1 }} then block_score end) over (
            partition by {{ target }}
            order by evidence_count
            rows between {{ block }} preceding and 1 preceding
        ) as score_of_last_block
    from weighed
),

summed as (
    select
        *,
        {{ decay_weight('evidence_count') }} as weight,
        block_score + coalesce({{ decay_to('place + 1') }} * score_of_last_block, 0) as score
    from carried
),

traced as (
    select
        summed.*,
        {{ 'bkt.bkt_mastery' if var('mastery_bkt') else 'cast(null as double)' }} as bkt_mastery
    from summed
    {% if var('mastery_bkt') %}
        left join bkt on summed.tenant_id = bkt.tenant_id and summed.event_id = bkt.event_id
    {% endif %}
),

estimated as (
    select
        *,
        case
            when is_reported then 'reported'
            when bkt_mastery is not null then 'bkt'
            else 'decayed_mean'
        end as mastery_method,
        cast(
            case
                when is_reported then mastery_after
                when bkt_mastery is not null then bkt_mastery
                else ({{ prior_weight() }} * {{ prior() }} + score) / ({{ prior_weight() }} + weight)
            end as {{ mastery_type() }}
        ) as current_mastery,
        cast(
            case when is_reported then confidence else weight / ({{ prior_weight() }} + weight) end
            as {{ mastery_type() }}
        ) as confidence_score,
        cast(case when is_reported then mastery_before end as {{ mastery_type() }}) as reported_before
    from traced
),

chained as (
    select
        *,
        lag(current_mastery) over (partition by {{ target }} order by evidence_count) as mastery_so_far
    from estimated
),

continued as (
    select
        *,
        coalesce(abs(reported_before - mastery_so_far) > 0.001, false) as continuity_gap
    from chained
),

compared as (
    select
        *,
        case
            when mastery_so_far is null or continuity_gap then reported_before
            else mastery_so_far
        end as previous_mastery
    from continued
),

mastery_deltas as (
    select
        tenant_id,
        learner_id,
        content_type,
        content_id,
        event_id as trigger_event_id,
        event_type as trigger_event_type,
        session_key,
        event_at as evidence_at,
        evidence_count,
        previous_mastery,
        current_mastery,
        cast(current_mastery - previous_mastery as {{ mastery_type() }}) as mastery_delta,
        confidence_score,
        mastery_method,
        evidence_count = 1 as is_initial,
        regraded,
        continuity_gap,
        {{ local_date('event_at') }} as partition_date,
        _loaded_at
    from compared
)

select * from mastery_deltas
