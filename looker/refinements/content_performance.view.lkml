# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/content_performance.view.lkml"

view: +content_performance {}
