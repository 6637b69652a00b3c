{#- Empty when made; macros/job_records.sql adds a row at the end of every run. -#}
{{ no_job_runs() }}
