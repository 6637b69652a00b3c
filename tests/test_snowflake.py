"""A session with Snowflake: signing in by every way of a service, and errors in our words. Against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ingest.errors import SettingsError, WarehouseError
from ingest.snowflake import Credentials, Login, Snowflake
from tests.services.snowflake import SnowflakeServer, snowflake_server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[SnowflakeServer]:
    with snowflake_server() as running:
        yield running


@pytest.fixture
def login(server: SnowflakeServer) -> Login:
    credentials = Credentials(password="hunter2")
    host = f"http://127.0.0.1:{server.port}"
    return Login("stand-in", "test", "snowflake", credentials, "ASKED", host=host)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key with the passphrase hunter2."""
    path = tmp_path_factory.mktemp("keys") / "rsa_key.p8"
    made = rsa.generate_private_key(65537, 2048)
    encryption = serialization.BestAvailableEncryption(b"hunter2")
    path.write_bytes(made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return path


def test_what_a_session_answers(login: Login) -> None:
    with Snowflake(login) as session:
        assert session.where == "stand-in/ASKED"
        session.execute("create schema s")
        session.execute("create table s.t (n number(10, 0), t timestamp_ltz)")
        noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
        assert session.execute("insert into s.t values (%s, %s)", [1, noon]) == 1
        assert session.select("select n, t from s.t where n = %s", [1]) == [(1, noon)]
        assert session.select("select n from s.t where n = %s", [9]) == []
        assert session.records('select n as "Name" from s.t') == [{"name": 1}]
        session.execute("insert into s.t select seq4(), null from table(generator(rowcount => 25000))")
        assert [len(rows) for rows in session.chunks("select n from s.t")] == [10_000, 10_000, 5_001]


def test_a_key_pair_signs_in(login: Login, key: Path) -> None:
    credentials = Credentials(private_key_path=str(key), private_key_passphrase="hunter2")
    with Snowflake(replace(login, authenticator="snowflake_jwt", credentials=credentials)) as session:
        assert session.select("select 1") == [(1,)]


@pytest.mark.parametrize("way", ["oauth", "programmatic_access_token"])
def test_a_token_signs_in(login: Login, way: str) -> None:
    with Snowflake(replace(login, authenticator=way, credentials=Credentials(token="hunter2"))) as session:
        assert session.select("select 1") == [(1,)]


@pytest.mark.parametrize(("passphrase", "body"), [("wrong", None), (None, None), ("hunter2", b"no key")])
def test_a_key_that_cannot_be_opened_is_a_setting(
    login: Login, key: Path, tmp_path: Path, passphrase: str | None, body: bytes | None
) -> None:
    path = tmp_path / "key.p8"
    path.write_bytes(body or key.read_bytes())
    credentials = Credentials(private_key_path=str(path), private_key_passphrase=passphrase)
    with (
        pytest.raises(SettingsError, match="private key") as told,
        Snowflake(replace(login, authenticator="snowflake_jwt", credentials=credentials)),
    ):
        pass
    assert "SNOWFLAKE_PRIVATE_KEY_PATH" in told.value.remedy


def test_a_key_that_is_not_there_is_a_setting(login: Login, tmp_path: Path) -> None:
    credentials = Credentials(private_key_path=str(tmp_path / "none.p8"))
    with (
        pytest.raises(SettingsError, match=r"none\.p8 can't be read"),
        Snowflake(replace(login, authenticator="snowflake_jwt", credentials=credentials)),
    ):
        pass


def test_an_error_names_the_account_and_the_number_and_what_to_do(login: Login) -> None:
    with Snowflake(login) as session:
        with pytest.raises(WarehouseError, match=r"^stand-in/ASKED: .*does not exist.* \(2003\)") as told:
            session.select("select * from s.nothing")
        assert "ingest snowflake render" in told.value.remedy
        with pytest.raises(WarehouseError):
            session.execute("nonsense")


def test_nobody_there_is_told_in_words(login: Login) -> None:
    with (
        pytest.raises(WarehouseError, match="stand-in/ASKED") as told,
        Snowflake(replace(login, host="http://127.0.0.1:9")),
    ):
        pass
    assert "SNOWFLAKE_ACCOUNT" in told.value.remedy


def test_secrets_are_not_shown(login: Login) -> None:
    assert "hunter2" not in repr(login) + repr(login.credentials)


def test_the_account_gives_the_host_unless_one_is_given(login: Login) -> None:
    assert "host" not in replace(login, host=None).options()
    assert replace(login, host="x.example.com").options()["host"] == "x.example.com"
    assert {"protocol", "port"} <= login.options().keys()
