-- What: on target `fixtures`, mastery_deltas holds the hand-worked evidence, each with every value, and no other.
-- When important: whenever a rule of evidence, regrades, mastery or confidence changes.
-- How to resolve: find the learner in seeds/fixtures/README.md, which derives the figures. If the rule was meant to
-- change, work the case out again by hand; never copy what the model says.

with sessions as (
    select * from {{ ref('int_sessions') }}
),

measures as (
    select
        mastery_deltas.tenant_id,
        mastery_deltas.learner_id,
        mastery_deltas.content_type,
        mastery_deltas.content_id,
        mastery_deltas.trigger_event_id,
        mastery_deltas.trigger_event_type,
        sessions.session_id,
        sessions.session_start,
        mastery_deltas.evidence_at,
        mastery_deltas.evidence_count,
        mastery_deltas.previous_mastery,
        mastery_deltas.current_mastery,
        mastery_deltas.mastery_delta,
        mastery_deltas.confidence_score,
        mastery_deltas.mastery_method,
        mastery_deltas.is_initial,
        mastery_deltas.regraded,
        mastery_deltas.continuity_gap,
        mastery_deltas.partition_date
    from {{ ref('mastery_deltas') }} as mastery_deltas
    left join sessions
        on
            mastery_deltas.tenant_id = sessions.tenant_id
            and mastery_deltas.session_key = sessions.session_key
),

expected as (
    select * from {{ ref('test_mastery_deltas') }}
)

{{ differences('measures', 'expected') }}
