# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/etl_job_status.view.lkml"

view: +etl_job_status {}
