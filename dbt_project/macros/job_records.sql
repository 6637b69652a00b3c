{#-
    Job records of what dbt does itself, for `etl_job_status`: a run leaves one as it ends, failed or not; retention leaves
    one as it starts and one as it ends.
-#}

{#- At the end of every run. It never fails the run: it is left out where its table is not there yet, every value is a
    literal made here, and on Snowflake an error of the statement itself is caught. -#}
{% macro record_transform(results) -%}
    {%- set runs, records = ref('int_transform_runs'), ref('stg_records') -%}
    {%- if execute and flags.WHICH in ('run', 'build') and load_relation(runs) and load_relation(records) -%}
        {{ return(adapter.dispatch('never_failing', 'learner_analytics')(transform_record(results, runs, records))) }}
    {%- endif -%}
{%- endmacro %}

{% macro transform_record(results, runs, records) -%}
    {%- set failed = results | selectattr('status', 'in', ['error', 'fail', 'runtime error', 'partial success'])
        | map(attribute='node.name') | list -%}
    {%- set problem = failed | length ~ ' of ' ~ results | length ~ ' failed: ' ~ failed | join(', ') -%}
    {%- set counts -%}
        count(case when _loaded_at > known.loaded_until then 1 end),
        count(case when _loaded_at > known.loaded_until and record_status = 'quarantined' then 1 end),
        max(_loaded_at)
    {%- endset -%}
    {{ job_record(runs, 'transform', 'failed' if failed else 'completed', problem if failed, 0, counts) }}
    from {{ records }}
    cross join (
        select coalesce(max(loaded_until), cast('1971-01-01' as timestamp)) as loaded_until from {{ runs }}
    ) as known
{%- endmacro %}

{% macro record_retention(status, number, rows) -%}
    {%- set runs = ref('int_transform_runs') -%}
    {%- if load_relation(runs) -%}
        {%- do run_and_commit(job_record(runs, 'retention', status, none, number, rows ~ ', 0, null')) -%}
    {%- endif -%}
{%- endmacro %}

{#- An insert of one record; `counts` are expressions for records processed and failed, and for loaded_until. -#}
{% macro job_record(runs, job_type, status, problem, number, counts) -%}
    insert into {{ runs }} (
        job_id, job_type, status, started_at, completed_at, error_message, record_number, recorded_at,
        records_processed, records_failed, loaded_until
    )
    select
        '{{ run_started_at.strftime("%Y%m%dT%H%M%SZ") }}-{{ invocation_id[:8] }}',
        '{{ job_type }}',
        '{{ status }}',
        cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp),
        {{ 'null' if status == 'running' else utc_now() }},
        {% if problem %}'{{ problem[:1000] | replace("'", "''") }}'{% else %}null{% endif %},
        {{ number }},
        {{ utc_now() }},
        {{ counts }}
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
