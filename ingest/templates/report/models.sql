select
    lower(table_schema) as model_schema,
    lower(table_name) as model
from information_schema.tables
where lower(table_schema) in ('analytics', 'staging')
union
select
    lower(table_schema) as model_schema,
    lower(table_name) as model
from information_schema.views
where lower(table_schema) in ('analytics', 'staging')
