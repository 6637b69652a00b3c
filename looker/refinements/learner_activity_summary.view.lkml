# Yours: `ingest lookml` made this file once, and never changes it.

include: "/views/learner_activity_summary.view.lkml"

view: +learner_activity_summary {}
