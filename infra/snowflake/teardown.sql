-- Takes everything away again, data included; objects in the bucket stay. Time travel has the database for a while.
use role accountadmin;

drop database if exists AIVO_ANALYTICS;
drop integration if exists AIVO_OBJECTS;
drop integration if exists AIVO_PIPE_ERRORS;
drop user if exists AIVO_DBT;
drop user if exists AIVO_LOOKER;
drop user if exists AIVO_INGEST;
drop warehouse if exists AIVO_TRANSFORM_WH;
drop warehouse if exists AIVO_REPORT_WH;
drop warehouse if exists AIVO_MONITOR_WH;
drop resource monitor if exists AIVO_CREDITS;
drop role if exists AIVO_UNMASKED;
drop role if exists AIVO_MONITOR;
drop role if exists AIVO_REPORTER;
drop role if exists AIVO_TRANSFORMER;
drop role if exists AIVO_LOADER;
