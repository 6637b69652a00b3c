# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/data_quality_daily.view.lkml"

view: +data_quality_daily {}
