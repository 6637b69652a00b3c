# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/minute_metrics.view.lkml"

view: +minute_metrics {}
