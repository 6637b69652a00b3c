# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/mastery_deltas.view.lkml"

view: +mastery_deltas {}
