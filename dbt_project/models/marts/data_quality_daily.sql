{%- set reasons = quarantine_reasons() %}

with records as (
    select
        *,
        {{ local_date('_ingested_at') }} as partition_date
    from {{ ref('stg_records') }}
),

touched_days as (
    select distinct partition_date
    from records
    where {{ is_new('_touched_at') }}
),

of_touched_days as (
    select records.*
    from records
    inner join touched_days on records.partition_date = touched_days.partition_date
),

counted as (
    select
        partition_date,
        count(*) as records,
        {{ count_where("record_status = 'event'") }} as events,
        {{ count_where("record_status = 'duplicate'") }} as duplicates,
        {{ count_where("record_status = 'quarantined'") }} as quarantined,
        {% for reason in reasons %}
            {{ count_where("split_part(_error, ':', 1) = '" ~ reason ~ "'") }} as quarantined_{{ reason }},
        {% endfor %}
        {{ count_where("record_status = 'event' and late") }} as late,
        {{ count_where("record_status = 'event' and skew_corrected") }} as skew_corrected,
        {{ count_where("record_status = 'event' and future_clamped") }} as future_clamped,
        {{ count_where(
            "record_status = 'event' and event_type = 'custom' and source_event_type <> 'custom'"
        ) }} as unknown_types,
        {{ count_where("record_status = 'event' and unparsable_data") }} as unparsable_data,
        max(_touched_at) as _loaded_at
    from of_touched_days
    group by partition_date
),

whole as (
    select counted.*
    from counted
    {% if is_incremental() %}
        left join {{ this }} as stored on counted.partition_date = stored.partition_date
        where coalesce(stored.records, 0) <= counted.records
    {% endif %}
),

data_quality_daily as (
    select
        partition_date,
        records,
        events,
        duplicates,
        quarantined,
        {% for reason in reasons %}
            quarantined_{{ reason }},
        {% endfor %}
        late,
        skew_corrected,
        future_clamped,
        unknown_types,
        unparsable_data,
        {{ ratio('quarantined', 'records') }} as quarantined_rate,
        {{ ratio('duplicates', 'records') }} as duplicate_rate,
        {{ ratio('late', 'events') }} as late_rate,
        {{ ratio('skew_corrected', 'events') }} as skew_corrected_rate,
        {{ ratio('unknown_types', 'events') }} as unknown_type_rate,
        _loaded_at
    from whole
)

select * from data_quality_daily
