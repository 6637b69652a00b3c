"""How a process signs in to Snowflake: what each way needs, and what is wrong with what is given. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.settings import Settings

#: What each authenticator takes, as fields of the settings.
_NEEDS: Final = {
    "snowflake_jwt": ("snowflake_username", "snowflake_private_key_path"),
    "oauth": ("snowflake_token",),
    "programmatic_access_token": ("snowflake_username", "snowflake_token"),
    "workload_identity": ("snowflake_workload_identity_provider",),
    "externalbrowser": ("snowflake_username",),
    "snowflake": ("snowflake_username", "snowflake_password"),
}


def faults(settings: Settings) -> Iterator[str]:
    """What keeps these settings from signing in, each with its variable."""
    if settings.snowflake_account is None:
        yield "SNOWFLAKE_ACCOUNT is not set; for example myorg-myaccount"
    way = settings.snowflake_authenticator
    for field in _NEEDS[way]:
        if getattr(settings, field) is None:
            yield f"{field.upper()} is not set, and SNOWFLAKE_AUTHENTICATOR={way} needs it"


def doubts(settings: Settings) -> Iterator[str]:
    """What works today, for people at least, and is not how a service signs in."""
    if settings.snowflake_password is not None:
        used = settings.snowflake_authenticator == "snowflake"
        yield (
            "SNOWFLAKE_PASSWORD signs in people alone, and not service users"
            if used
            else f"SNOWFLAKE_PASSWORD is not read: SNOWFLAKE_AUTHENTICATOR={settings.snowflake_authenticator}"
        ) + "; use a key pair, OAuth, a token or workload identity"
