# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/session_metrics.view.lkml"

view: +session_metrics {}
