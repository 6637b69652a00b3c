"""The set-up of an account, as tests want it."""

from __future__ import annotations

from typing import Any

from ingest.ddl import Names, Setup

ROLE = "arn:aws:iam::123456789012:role/aivo-snowflake"
ERRORS = {
    "error_topic_arn": "arn:aws:sns:us-west-2:123456789012:aivo-pipe-errors",
    "error_role_arn": "arn:aws:iam::123456789012:role/aivo-snowflake-errors",
}


def setup(**other: Any) -> Setup:
    """The set-up by the settings' defaults, but for what is given."""
    given = {
        "names": Names("AIVO", "AIVO_ANALYTICS"),
        "stage_url": "s3://aivo-data-raw/events/",
        "storage_role_arn": ROLE,
        "error_topic_arn": None,
        "error_role_arn": None,
        "enterprise": True,
        "credit_quota": 400,
        "raw_retention_months": 18,
    }
    return Setup(**{**given, **other})
