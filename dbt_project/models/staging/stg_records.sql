with records as (
    select
        {{ record_columns() | join(', ') }},
        _loaded_at as _first_loaded_at
    from {{ ref('base_records') }}
    where {{ is_new('_loaded_at') }}
),

loaded as (
    select * from records
    {% if is_incremental() %}
        where not exists (
            select 1
            from {{ this }} as known
            where
                known._topic_id = records._topic_id
                and known._partition = records._partition
                and known._offset = records._offset
                and known._loaded_at = records._loaded_at
                and known._file = records._file
                and known._file_row = records._file_row
        )
    {% endif %}
),

{% if is_incremental() %}
    known_copies as (
        select tenant_id, event_id, _topic_id, _partition, _offset, _loaded_at
        from {{ this }}
        where (_topic_id, _partition, _offset) in (select loaded._topic_id, loaded._partition, loaded._offset from loaded)
    ),

    touched_ids as (
        select tenant_id, event_id from loaded
        union
        select tenant_id, event_id from known_copies
    ),

    known_places as (
        select _topic_id, _partition, _offset, _loaded_at from known_copies
        union
        select _topic_id, _partition, _offset, _loaded_at
        from {{ this }}
        where (tenant_id, event_id) in (select touched_ids.tenant_id, touched_ids.event_id from touched_ids)
    ),

    known as (
        select known.*
        from {{ this }} as known
        inner join known_places
            on
                known._topic_id = known_places._topic_id
                and known._partition = known_places._partition
                and known._offset = known_places._offset
                and known._loaded_at = known_places._loaded_at
    ),
{% endif %}

candidates as (
    select * from loaded
    {% if is_incremental() %}
        union all
        select
            {{ record_columns() | join(', ') }},
            _first_loaded_at
        from known
    {% endif %}
),

copies as (
    select
        {{ record_columns() | join(', ') }},
        min(_first_loaded_at) over (partition by _topic_id, _partition, _offset) as _first_loaded_at,
        row_number() over (
            partition by _topic_id, _partition, _offset
            order by case when _error is null then 0 else 1 end, _loaded_at, _file, _file_row
        ) as copy_number
    from candidates
),

one_per_coordinates as (
    select *
    from copies
    where copy_number = 1
),

ranked as (
    select
        *,
        row_number() over (
            partition by tenant_id, event_id
            order by received_at nulls last, _topic_id, _partition, _offset
        ) as sending_number,
        max(_loaded_at) over (partition by tenant_id, event_id) as last_sending_loaded_at
    from one_per_coordinates
),

classified as (
    select
        {{ record_columns() | join(', ') }},
        case
            when _error is not null then 'quarantined'
            when sending_number = 1 then 'event'
            else 'duplicate'
        end as record_status,
        _first_loaded_at,
        case when _error is not null then _loaded_at else last_sending_loaded_at end as _touched_at
    from ranked
)

select * from classified
{{ in_stored_order('_loaded_at') }}
