-- What: no minute of a session holds less than 0 or more than 60 seconds.
-- When important: always. A learner can't spend 61 seconds of a minute in one session.
-- How to resolve: look at the session's events in int_session_events: stretches of active time that overlap mean that
-- the order of its events is not total.

select *
from {{ ref('minute_metrics') }}
where time_spent_seconds < 0 or time_spent_seconds > 60
