{#-
    dbt's own runs as job records, for `etl_job_status`: one row at the end of every run, failed or not. It never fails
    the run: it is left out where its table is not there yet, every value is a literal made here, and on Snowflake an
    error of the statement itself is caught.
-#}
{% macro record_transform_run(results) -%}
    {%- set runs = load_relation(ref('int_transform_runs')) -%}
    {%- set records = load_relation(ref('stg_records')) -%}
    {%- if execute and flags.WHICH in ('run', 'build') and runs is not none and records is not none -%}
        {{ return(adapter.dispatch('never_failing', 'learner_analytics')(transform_run_sql(results, runs, records))) }}
    {%- endif -%}
{%- endmacro %}

{% macro transform_run_sql(results, runs, records) -%}
    {%- set failed = [] -%}
    {%- for result in results if result.status in ('error', 'fail', 'runtime error', 'partial success') -%}
        {%- do failed.append(result.node.name) -%}
    {%- endfor -%}
    {%- set problem = failed | length ~ ' of ' ~ results | length ~ ' failed: ' ~ failed | join(', ') -%}
    insert into {{ runs }} (
        job_id, job_type, status, started_at, completed_at, records_processed, records_failed, error_message,
        record_number, recorded_at, loaded_until
    )
    select
        '{{ run_started_at.strftime("%Y%m%dT%H%M%SZ") }}-{{ invocation_id[:8] }}',
        'transform',
        '{{ "failed" if failed else "completed" }}',
        cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp),
        {{ utc_now() }},
        count(case when _loaded_at > known.loaded_until then 1 end),
        count(case when _loaded_at > known.loaded_until and record_status = 'quarantined' then 1 end),
        {% if failed %}'{{ problem[:1000] | replace("'", "''") }}'{% else %}null{% endif %},
        0,
        {{ utc_now() }},
        max(_loaded_at)
    from {{ records }}
    cross join (
        select coalesce(max(loaded_until), cast('1971-01-01' as timestamp)) as loaded_until from {{ runs }}
    ) as known
{%- endmacro %}

{% macro duckdb__never_failing(statement) -%}
    {{ return(statement) }}
{%- endmacro %}

{% macro snowflake__never_failing(statement) -%}
    execute immediate $$
    begin
        {{ statement }};
    exception
        when other then
            return sqlerrm;
    end;
    $$
{%- endmacro %}
