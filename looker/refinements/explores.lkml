# Yours: `ingest lookml` made this file once, and never changes it.
# Refine explores here, for example: explore: +learner_engagement { always_filter: { … } }
# Joins of your own and access_filter belong here too (docs/looker.md).
