select
    sum(quarantined_missing) as missing,
    sum(quarantined_wrong_type) as wrong_type,
    sum(quarantined_too_long) as too_long,
    sum(quarantined_bad_timestamp) as bad_timestamp,
    sum(quarantined_empty) as empty,
    sum(quarantined_too_large) as too_large,
    sum(quarantined_not_utf8) as not_utf8,
    sum(quarantined_not_json) as not_json,
    sum(quarantined_not_object) as not_object
from analytics.data_quality_daily
