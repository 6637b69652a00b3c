# Yours: `ingest lookml` made this file once, and never changes it.

project_name: "learner_analytics"

constant: connection {
  value: "aivo_analytics"
  export: override_optional
}

constant: analytics_database {
  value: "AIVO_ANALYTICS"
  export: override_optional
}

constant: analytics_schema {
  value: "ANALYTICS"
  export: override_optional
}
