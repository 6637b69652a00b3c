-- Takes everything away again, data included; objects in the bucket stay. Time travel has the database for a while.
use role accountadmin;

drop database if exists {{ database }};
drop integration if exists {{ storage_integration }};
drop integration if exists {{ error_integration_name }};
drop user if exists {{ dbt_user }};
drop user if exists {{ looker_user }};
drop user if exists {{ ingest_user }};
drop warehouse if exists {{ transform_warehouse }};
drop warehouse if exists {{ report_warehouse }};
drop warehouse if exists {{ monitor_warehouse }};
drop resource monitor if exists {{ credits }};
drop role if exists {{ unmasked }};
drop role if exists {{ monitor }};
drop role if exists {{ reporter }};
drop role if exists {{ transformer }};
drop role if exists {{ loader }};
