{#- Pieces that start together become one first: two windows order equal ones each in its own way. -#}
with records as (
    select
        tenant_id,
        learner_id,
        event_at as starts_at,
        event_at as ends_at,
        _loaded_at as _first_loaded_at,
        _touched_at as _loaded_at
    from {{ ref('stg_records') }}
    where record_status <> 'quarantined' and {{ is_new('_touched_at') }}
),

pieces as (
    select * from records
    {% if is_incremental() %}
        union all
        select *
        from {{ this }}
        where (tenant_id, learner_id) in (select records.tenant_id, records.learner_id from records)
    {% endif %}
),

distinct_pieces as (
    select
        tenant_id,
        learner_id,
        starts_at,
        max(ends_at) as ends_at,
        min(_first_loaded_at) as _first_loaded_at,
        max(_loaded_at) as _loaded_at
    from pieces
    group by tenant_id, learner_id, starts_at
),

silences as (
    select
        *,
        max(ends_at) over (
            partition by tenant_id, learner_id
            order by starts_at
            rows between unbounded preceding and 1 preceding
        ) as silent_since
    from distinct_pieces
),

numbered as (
    select
        *,
        sum(
            case
                when
                    {{ microseconds_between('silent_since', 'starts_at') }}
                    > {{ seconds_as_microseconds(longest_silence_seconds()) }}
                    then 1
                else 0
            end
        ) over (
            partition by tenant_id, learner_id
            order by starts_at
            rows between unbounded preceding and current row
        ) as stretch_number
    from silences
),

learner_stretches as (
    select
        tenant_id,
        learner_id,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at,
        min(_first_loaded_at) as _first_loaded_at,
        max(_loaded_at) as _loaded_at
    from numbered
    group by tenant_id, learner_id, stretch_number
)

select * from learner_stretches
