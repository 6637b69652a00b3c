{%- set texts = [
    'lesson_id', 'assessment_id', 'resource_id', 'page_id', 'content_id', 'item_id', 'skill_id', 'mastery_model',
    'correct'
] -%}
{%- set numbers = [
    'attempt', 'score', 'max_score', 'score_scaled', 'mastery_before', 'mastery_after', 'confidence'
] -%}

with event_times as (
    select * from {{ ref('base_event_times') }}
),

parsed as (
    select
        *,
        {{ parse_json_members('data', texts + numbers) }} as payload
    from event_times
),

promoted as (
    select
        *,
        {%- for member in texts %}
            {{ json_text('payload', texts + numbers, member) }} as {{ member }},
        {%- endfor %}
        {%- for member in numbers %}
            {{ text_to_number(json_text('payload', texts + numbers, member)) }} as {{ member }},
        {%- endfor %}
        data is not null and payload is null as unparsable_data
    from parsed
),

judged as (
    select
        *,
        case
            when lower(correct) in ('true', '1') then true
            when lower(correct) in ('false', '0') then false
        end as is_correct
    from promoted
),

scored as (
    select
        *,
        coalesce(max_score <= 0, false) as bad_max_score,
        max_score is null and score_scaled is null and is_correct is null and score is not null
            as score_assumed_percent,
        case
            when max_score <= 0 then null
            when max_score > 0 and score is not null then score / max_score
            when score_scaled is not null then score_scaled
            when is_correct is not null then case when is_correct then 1 else 0 end
            when max_score is null then score / 100
        end as score_fraction
    from judged
)

select * from scored
