{#-
    What DuckDB and Snowflake say differently, and nothing else. A model calls these and stays portable.
-#}

{#- The payload parsed once, or null if it is no JSON that the engine can read: a bad payload never fails a run.
    Read its members with json_text. DuckDB takes all of them in one pass over the text. -#}
{% macro parse_json_members(column, members) -%}
    {{ return(adapter.dispatch('parse_json_members', 'learner_analytics')(column, members)) }}
{%- endmacro %}

{#- Of a member that stands twice the last counts, as JSON readers do; DuckDB's own answer is the first. -#}
{% macro duckdb__parse_json_members(column, members) -%}
    case
        when not json_valid({{ column }}) then null
        when len(json_keys({{ column }})) > len(list_distinct(json_keys({{ column }})))
            then list_transform(
                ['{{ members | join("', '") }}'],
                lambda member: list_extract(
                    json_extract({{ column }}, '$.*'),
                    len(json_keys({{ column }})) + 1 - list_position(list_reverse(json_keys({{ column }})), member)
                ) ->> '$'
            )
        else json_extract_string({{ column }}, ['$.{{ members | join("', '$.") }}'])
    end
{%- endmacro %}

{% macro snowflake__parse_json_members(column, members) -%}
    try_parse_json({{ column }}, 'd')
{%- endmacro %}

{#- One member as text; null when it is absent, JSON null or an empty string. -#}
{% macro json_text(parsed, members, member) -%}
    {{ return(adapter.dispatch('json_text', 'learner_analytics')(parsed, members, member)) }}
{%- endmacro %}

{% macro duckdb__json_text(parsed, members, member) -%}
    nullif({{ parsed }}[{{ members.index(member) + 1 }}], '')
{%- endmacro %}

{% macro snowflake__json_text(parsed, members, member) -%}
    nullif(cast(get({{ parsed }}, '{{ member }}') as varchar), '')
{%- endmacro %}

{#- Text to double, null when it is no finite number. Both engines read 'nan' and 'inf' as numbers. -#}
{% macro text_to_number(text) -%}
    {{ return(adapter.dispatch('text_to_number', 'learner_analytics')(text)) }}
{%- endmacro %}

{% macro duckdb__text_to_number(text) -%}
    case when regexp_full_match({{ text }}, '{{ number_pattern() }}') then try_cast({{ text }} as double) end
{%- endmacro %}

{% macro snowflake__text_to_number(text) -%}
    case when regexp_like({{ text }}, '{{ number_pattern() }}') then try_cast({{ text }} as double) end
{%- endmacro %}

{#- At most 15 digits before the point and two in the exponent: no overflow to infinity, whatever was sent. -#}
{% macro number_pattern() -%}
    [+-]?[0-9]{1,15}([.][0-9]{1,40})?([eE][+-]?[0-9]{1,2})?
{%- endmacro %}

{#- Milliseconds since 1970 of a UTC timestamp: what is hashed, because timestamp text differs between engines. -#}
{% macro epoch_milliseconds(timestamp) -%}
    {{ return(adapter.dispatch('epoch_milliseconds', 'learner_analytics')(timestamp)) }}
{%- endmacro %}

{% macro duckdb__epoch_milliseconds(timestamp) -%}
    epoch_ms({{ timestamp }})
{%- endmacro %}

{% macro snowflake__epoch_milliseconds(timestamp) -%}
    date_part(epoch_millisecond, {{ timestamp }})
{%- endmacro %}

{#- The date of a UTC timestamp in the reporting time zone. UTC needs no time zone data on either engine. -#}
{% macro local_date(timestamp) -%}
    {%- if var('reporting_timezone') == 'UTC' -%}
        cast({{ timestamp }} as date)
    {%- else -%}
        {{ return(adapter.dispatch('local_date', 'learner_analytics')(timestamp)) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__local_date(timestamp) -%}
    cast(timezone('{{ var("reporting_timezone") }}', timezone('UTC', {{ timestamp }})) as date)
{%- endmacro %}

{% macro snowflake__local_date(timestamp) -%}
    cast(convert_timezone('UTC', '{{ var("reporting_timezone") }}', {{ timestamp }}) as date)
{%- endmacro %}

{#- Statements that succeed or fail together. DuckDB's materialization has opened the transaction already. -#}
{% macro in_one_transaction(statements) -%}
    {{ return(adapter.dispatch('in_one_transaction', 'learner_analytics')(statements)) }}
{%- endmacro %}

{% macro duckdb__in_one_transaction(statements) -%}
    {{ return(statements) }}
{%- endmacro %}

{#- dbt ends the last statement itself, and Snowflake takes a second semicolon for an empty statement: an error. -#}
{% macro snowflake__in_one_transaction(statements) -%}
    {{ return(snowflake_dml_explicit_transaction((statements | trim).rstrip(';'))) }}
{%- endmacro %}

{#- Whole microseconds from one timestamp to another. Time is counted in these, so that sums are exact. -#}
{% macro microseconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('microseconds_between', 'learner_analytics')(earlier, later)) }}
{%- endmacro %}

{% macro duckdb__microseconds_between(earlier, later) -%}
    date_diff('microsecond', {{ earlier }}, {{ later }})
{%- endmacro %}

{% macro snowflake__microseconds_between(earlier, later) -%}
    datediff(microsecond, {{ earlier }}, {{ later }})
{%- endmacro %}

{#- A timestamp moved by a number of microseconds, which may be any 64-bit column. -#}
{% macro add_microseconds(timestamp, microseconds) -%}
    {{ return(adapter.dispatch('add_microseconds', 'learner_analytics')(timestamp, microseconds)) }}
{%- endmacro %}

{#- Not dbt.dateadd, which takes 32 bits here: 35 minutes. -#}
{% macro duckdb__add_microseconds(timestamp, microseconds) -%}
    {{ timestamp }} + to_microseconds({{ microseconds }})
{%- endmacro %}

{% macro snowflake__add_microseconds(timestamp, microseconds) -%}
    dateadd(microsecond, {{ microseconds }}, {{ timestamp }})
{%- endmacro %}

{#- Now, in UTC and without a zone, like every time here. For what is computed on reading, never for what is stored. -#}
{% macro utc_now() -%}
    {{ return(adapter.dispatch('utc_now', 'learner_analytics')()) }}
{%- endmacro %}

{% macro duckdb__utc_now() -%}
    cast(timezone('UTC', now()) as timestamp)
{%- endmacro %}

{% macro snowflake__utc_now() -%}
    cast(convert_timezone('UTC', current_timestamp()) as timestamp_ntz)
{%- endmacro %}

{#- A raw time as every time here is, in UTC and without a zone. Snowflake keeps raw times as instants, which a session
    shows in its own zone. -#}
{% macro utc(column) -%}
    {{ return(adapter.dispatch('utc', 'learner_analytics')(column)) }}
{%- endmacro %}

{% macro duckdb__utc(column) -%}
    {{ column }}
{%- endmacro %}

{% macro snowflake__utc(column) -%}
    cast(convert_timezone('UTC', {{ column }}) as timestamp_ntz)
{%- endmacro %}
