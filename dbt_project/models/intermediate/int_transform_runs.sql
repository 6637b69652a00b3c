{#- Empty when made; macros/transform_runs.sql adds a row at the end of every run. -#}
{{ no_job_runs() }}
