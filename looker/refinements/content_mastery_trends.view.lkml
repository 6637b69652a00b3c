# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/content_mastery_trends.view.lkml"

view: +content_mastery_trends {}
