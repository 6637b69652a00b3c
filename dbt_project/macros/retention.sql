{#-
    What is past its time, from the vars: events of staging `raw_retention_months` after they were loaded, aggregates
    `aggregate_retention_years` after their date. A model says in `meta.retention` which it is, and in `meta.time_column` what
    ages. Real-time views hold nothing: they show `realtime_view_days`.

        dbt run-operation retention                              what would go, from each table
        dbt run-operation retention --args '{apply: true}'       delete it
        … --args '{as_of: "2027-01-01", include_raw: true}'      as of another time; the loader's rows too
        … --args '{as_json: true}'                               for `ingest retention`: one line of JSON on stdout, with
                                                                 the oldest date that each real-time view shows
-#}
{% macro retention(apply=false, include_raw=false, as_of=none, as_json=false) -%}
    {%- set now = "cast('" ~ as_of ~ "' as timestamp)" if as_of else utc_now() -%}
    {%- set deleted, told = [0], [] -%}
    {%- if apply -%} {%- do record_retention('running', 0, 0) -%} {%- endif -%}
    {%- for table in aging_tables(include_raw) -%}
        {%- set past = table.column ~ ' < ' ~ horizon(table.retention, now) -%}
        {%- set rows, oldest = run_query(
            'select count(case when ' ~ past ~ ' then 1 end), min(' ~ table.column ~ ') from ' ~ table.relation
        ).rows[0].values() -%}
        {%- do log('%-9s %-36s %12s rows past it, oldest %s' | format(
            kept_for(table.retention), table.relation.schema ~ '.' ~ table.relation.identifier, '{:,}'.format(rows | int),
            oldest or 'none'
        ), info=true) -%}
        {%- do told.append(told_of(table, rows, oldest)) -%}
        {%- if apply and rows -%}
            {%- do run_and_commit('delete from ' ~ table.relation ~ ' where ' ~ past) -%}
            {%- do deleted.append(rows | int) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if apply -%}
        {%- do record_retention('completed', 1, deleted | sum) -%}
        {%- do log('{:,} rows deleted'.format(deleted | sum), info=true) -%}
    {%- else -%}
        {%- do log("nothing deleted. Next: dbt run-operation retention --args '{apply: true}'", info=true) -%}
    {%- endif -%}
    {%- if as_json -%}
        {%- do print(tojson({'tables': told, 'views': [] if apply else oldest_in_views(), 'deleted': deleted | sum})) -%}
    {%- endif -%}
{%- endmacro %}

{#- A table or a view as a value of JSON; times and dates as text, UTC. -#}
{% macro told_of(table, rows, oldest) -%}
    {{ return({
        'name': table.relation.schema | lower ~ '.' ~ table.relation.identifier | lower,
        'retention': table.retention,
        'past': rows | int,
        'oldest': none if oldest is none else oldest | string,
    }) }}
{%- endmacro %}

{#- What each real-time view shows of the past; none of those that are not there. -#}
{% macro oldest_in_views() -%}
    {%- set found = [] -%}
    {%- for model in ['learner_activity_summary', 'content_mastery_trends'] -%}
        {%- set view = load_relation(ref(model)) -%}
        {%- if view is not none -%}
            {%- set oldest = run_query('select min(partition_date) from ' ~ view).rows[0][0] -%}
            {%- do found.append(told_of({'relation': view, 'retention': 'realtime'}, 0, oldest)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- Tables that exist and age, raw ones first: what staging has let go of, no increment rebuilds. -#}
{% macro aging_tables(include_raw) -%}
    {%- set tables = [] -%}
    {%- for name in ['raw_events', 'job_runs'] if include_raw -%}
        {%- do tables.append({'relation': source('raw', name), 'column': utc('_loaded_at'), 'retention': 'raw'}) -%}
    {%- endfor -%}
    {%- for retention in ['raw', 'aggregate'] -%}
        {%- for node in graph.nodes.values() | sort(attribute='unique_id') if node.config.get('meta', {}).get('retention') == retention -%}
            {%- do tables.append({
                'relation': api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias),
                'column': node.config.meta.time_column,
                'retention': retention,
                'unique_id': node.unique_id,
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set existing = [] -%}
    {%- for table in tables if load_relation(table.relation) is not none -%}
        {%- do existing.append(table) -%}
    {%- endfor -%}
    {{ return(existing) }}
{%- endmacro %}

{% macro kept_for(retention) -%}
    {{ return(var('raw_retention_months') ~ ' months' if retention == 'raw' else var('aggregate_retention_years') ~ ' years') }}
{%- endmacro %}

{% macro horizon(retention, now) -%}
    {%- if retention == 'raw' -%}
        {{ return(dbt.dateadd('month', -(var('raw_retention_months') | int), now)) }}
    {%- endif -%}
    {{ return(dbt.dateadd('year', -(var('aggregate_retention_years') | int), now)) }}
{%- endmacro %}

{#- An operation ends with a rollback of what it did not commit. -#}
{% macro run_and_commit(sql) -%}
    {%- call statement('run_and_commit', auto_begin=true) -%}
        {{ sql }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
{%- endmacro %}
