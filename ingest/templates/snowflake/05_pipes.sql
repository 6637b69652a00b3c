-- The pipes. After AWS trusts the storage integration (docs/snowflake.md, step 4).
--
-- Never OR REPLACE a pipe: a new one has forgotten what the old one loaded. To change one: ingest snowflake replace-pipe.
use role {{ loader }};

create pipe if not exists {{ raw_events_pipe }}
    auto_ingest = true
    comment = 'Objects of chains, and records recovered from quarantine'
as
{{ raw_events_copy }};

create pipe if not exists {{ job_runs_pipe }}
    auto_ingest = true
    comment = 'Job records'
as
{{ job_runs_copy }};

{{ error_notifications }}grant monitor on pipe {{ raw_events_pipe }} to role {{ monitor }};
grant monitor on pipe {{ job_runs_pipe }} to role {{ monitor }};

-- Their column notification_channel is the queue that the bucket has to notify: snowpipe_queue_arn of infra/aws.
show pipes in schema {{ database }}.raw;
