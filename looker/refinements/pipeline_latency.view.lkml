# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/pipeline_latency.view.lkml"

view: +pipeline_latency {}
