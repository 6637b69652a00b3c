"""The target for a real account takes every way for a service to sign in, by the variables that `ingest` reads."""

from __future__ import annotations

import base64
import os
from argparse import Namespace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dbt.adapters.snowflake import SnowflakeCredentials
from dbt.config.runtime import load_profile
from dbt.flags import set_from_args
from dbt_common.context import set_invocation_context

from ingest.settings import Settings
from ingest.signin import faults
from tests.dbt.running import PROJECT

COMMON = {"SNOWFLAKE_ACCOUNT": "myorg-aivo", "SNOWFLAKE_USERNAME": "AIVO_DBT"}
WAYS = {
    "snowflake_jwt": {"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "secret"},
    "oauth": {"SNOWFLAKE_TOKEN": "a-token"},
    "programmatic_access_token": {"SNOWFLAKE_TOKEN": "a-token"},
    "workload_identity": {"SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "AWS"},
}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "rsa_key.p8"
    encryption = serialization.BestAvailableEncryption(b"secret")
    path.write_bytes(
        rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
    )
    return path


def credentials(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> SnowflakeCredentials:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    set_invocation_context(dict(os.environ))
    set_from_args(Namespace(profiles_dir=str(PROJECT)), None)
    found = load_profile(str(PROJECT), {}, target_override="snowflake").credentials
    assert isinstance(found, SnowflakeCredentials)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_service_signs_in(way: str, monkeypatch: pytest.MonkeyPatch, key: Path) -> None:
    given = {**COMMON, **WAYS[way], "SNOWFLAKE_AUTHENTICATOR": way}
    if way == "snowflake_jwt":
        given["SNOWFLAKE_PRIVATE_KEY_PATH"] = str(key)
    found = credentials(monkeypatch, given).auth_args()
    assert found["authenticator"].lower() == way
    assert found["user"] == "AIVO_DBT"
    assert found.get("token") == given.get("SNOWFLAKE_TOKEN")
    assert found.get("workload_identity_provider") == given.get("SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER")
    assert bool(found["private_key"]) == (way == "snowflake_jwt")
    if way == "snowflake_jwt":
        held = found["private_key"]
        assert serialization.load_der_private_key(base64.b64decode(held) if isinstance(held, str) else held, None)
    settings = Settings(**{name.lower(): value for name, value in given.items()})
    assert list(faults(settings)) == []


def test_where_and_as_whom_is_what_the_setup_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = credentials(monkeypatch, COMMON)
    assert (found.database, found.role, found.warehouse) == (
        "AIVO_ANALYTICS",
        "AIVO_TRANSFORMER",
        "AIVO_TRANSFORM_WH",
    )
    assert found.host is None
    assert found.port is None
    other = credentials(monkeypatch, {**COMMON, "SNOWFLAKE_ROLE": "R", "SNOWFLAKE_DATABASE": "D"})
    assert (other.role, other.database) == ("R", "D")


@pytest.mark.parametrize("way", WAYS)
def test_what_a_way_needs_is_told(way: str) -> None:
    told = " ".join(faults(Settings(snowflake_authenticator=way)))
    assert "SNOWFLAKE_ACCOUNT is not set" in told
    assert f"SNOWFLAKE_AUTHENTICATOR={way} needs it" in told
