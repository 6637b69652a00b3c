{#- Fixed ends: a stored table does not ask what day it is. -#}
with days as (
    {{ dbt.date_spine('day', "cast('2015-01-01' as date)", "cast('2041-01-01' as date)") }}
),

time_spine_daily as (
    select cast(date_day as date) as date_day
    from days
)

select * from time_spine_daily
