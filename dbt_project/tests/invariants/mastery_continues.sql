-- What: every row of mastery_deltas continues the row before it: evidence counts from 1 without a hole, the mastery
-- before is that of the row before unless a reported one disagrees (`continuity_gap`), and the first has none unless
-- it was reported.
-- When important: always. A broken chain makes mastery changes that add up to something else than the mastery.
-- How to resolve: `dbt build --select mastery_deltas`. If rows stay, `--full-refresh` it and report the case: an
-- incremental run must give what a full refresh gives.

with mastery_deltas as (
    select * from {{ ref('mastery_deltas') }}
),

chained as (
    select
        *,
        lag(evidence_count) over (
            partition by tenant_id, learner_id, content_type, content_id order by evidence_count
        ) as count_before,
        lag(current_mastery) over (
            partition by tenant_id, learner_id, content_type, content_id order by evidence_count
        ) as mastery_so_far
    from mastery_deltas
)

select *
from chained
where
    evidence_count <> coalesce(count_before, 0) + 1
    or is_initial <> (evidence_count = 1)
    or (not is_initial and not continuity_gap and previous_mastery <> mastery_so_far)
    or (not is_initial and previous_mastery is null)
    or (continuity_gap and abs(previous_mastery - mastery_so_far) <= 0.001)
    or (is_initial and mastery_method <> 'reported' and previous_mastery is not null)
    or mastery_delta <> current_mastery - previous_mastery
    or (mastery_delta is null) <> (previous_mastery is null)
