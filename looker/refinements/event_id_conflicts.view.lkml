# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/event_id_conflicts.view.lkml"

view: +event_id_conflicts {}
