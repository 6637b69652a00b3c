"""TLS, SASL, tokens and KMS against real parts; refusals name the right setting; secrets are never printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import click
import pytest
import typer
from confluent_kafka import KafkaException
from confluent_kafka import Producer as PlainClient
from confluent_kafka.admin import AclOperation, ResourceType

from ingest.cli import app
from ingest.cluster import Cluster
from ingest.errors import BrokerError, IngestError, SettingsError, StoreUnavailable
from ingest.kafka import client_settings, ensure_topic
from ingest.properties import NAMES, nearest
from ingest.remedies import remedy_of
from ingest.settings import Settings
from ingest.store import open_store
from tests.services.s3 import CREDENTIALS, S3Server, s3_server
from tests.services.secure_kafka import PASSWORD, SECRETS, SecureKafka

TOPIC = "secure-events"


def ingest(*words: str, folder: Path, timeout: float = 120, **env: str) -> tuple[int, str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_", "INGEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "ingest", *words],
        cwd=folder,
        env=own | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    return done.returncode, done.stdout, done.stderr


def client(variables: dict[str, str]) -> dict[str, str]:
    settings = Settings(**{name.lower(): value for name, value in variables.items()})
    return client_settings(settings.kafka_bootstrap_servers, settings.kafka_properties())


# --- every way in ---------------------------------------------------------------------------------------------


@pytest.mark.kafka
@pytest.mark.parametrize("way", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "mutual TLS", "OIDC"])
def test_every_client_of_ours_signs_in(way, secure: SecureKafka, tmp_path):
    """`produce` makes the topic (admin) and writes (producer); `consume` asks for its id, reads, and commits."""
    env = secure.mutual() if way == "mutual TLS" else secure.oidc() if way == "OIDC" else secure.scram(mechanism=way)
    env |= {"KAFKA_TOPIC_EVENTS_RAW": f"way-{way.replace(' ', '-')}", "INGEST_STORE": "objects"}
    code, output, errors = ingest("produce", "--synthetic", "50", "--output", "json", folder=tmp_path, **env)
    assert (code, json.loads(output)["records"]) == (0, 50), errors
    code, output, errors = ingest("consume", "--once", "--output", "json", folder=tmp_path, **env)
    assert code in {0, 1}, errors  # 1: some synthetic records are malformed on purpose
    assert json.loads(output)["records"] == 50
    assert "commit_refused" not in errors
    if way == "OIDC":
        assert "grant_type=client_credentials&scope=events" in secure.tokens.asked
    assert not any(secret in output + errors for secret in SECRETS)


@pytest.mark.kafka
def test_tokens_are_renewed_before_they_expire(secure: SecureKafka, monkeypatch):
    monkeypatch.setattr(secure.tokens, "seconds", 6)
    asked, began = len(secure.tokens.asked), time.monotonic()
    cluster = Cluster(client(secure.oidc()), 5)
    while time.monotonic() - began < 10:
        assert cluster.reach().cluster
        time.sleep(0.5)
    assert len(secure.tokens.asked) >= asked + 2


def without(variables: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in names}


def strange_certificate(secure: SecureKafka) -> dict[str, str]:
    certificate, key = secure.stranger.issue("strange-client")
    own = {"KAFKA_SSL_CERTIFICATE_LOCATION": str(certificate), "KAFKA_SSL_KEY_LOCATION": str(key)}
    return without(secure.mutual(), "KAFKA_SSL_KEY_PASSWORD") | own


REFUSALS = {
    "a wrong password": (lambda s: s.scram() | {"KAFKA_SASL_PASSWORD": "wrong"}, "KAFKA_SASL_PASSWORD"),
    "a wrong user": (lambda s: s.scram("nobody", mechanism="PLAIN"), "KAFKA_SASL_USERNAME"),
    "an untrusted authority": (
        lambda s: s.scram() | {"KAFKA_SSL_CA_LOCATION": str(s.stranger.certificate)},
        "KAFKA_SSL_CA_LOCATION",
    ),
    "the system's authorities": (lambda s: without(s.scram(), "KAFKA_SSL_CA_LOCATION"), "KAFKA_SSL_CA_LOCATION"),
    "another host's certificate": (
        lambda s: s.scram() | {"KAFKA_BOOTSTRAP_SERVERS": s.sasl.replace("127.0.0.1", "localhost")},
        "KAFKA_BOOTSTRAP_SERVERS",
    ),
    "no client certificate": (
        lambda s: without(
            s.mutual(), "KAFKA_SSL_CERTIFICATE_LOCATION", "KAFKA_SSL_KEY_LOCATION", "KAFKA_SSL_KEY_PASSWORD"
        ),
        "KAFKA_SSL_CERTIFICATE_LOCATION",
    ),
    "a stranger's client certificate": (strange_certificate, "KAFKA_SSL_CERTIFICATE_LOCATION"),
    "plaintext to TLS": (lambda s: {"KAFKA_BOOTSTRAP_SERVERS": s.tls}, "KAFKA_SECURITY_PROTOCOL"),
    "TLS to plaintext": (
        lambda s: s.mutual() | {"KAFKA_BOOTSTRAP_SERVERS": s.plain},
        "KAFKA_SECURITY_PROTOCOL",
    ),
    "TLS without SASL": (lambda s: s.mutual() | {"KAFKA_BOOTSTRAP_SERVERS": s.sasl}, "KAFKA_SECURITY_PROTOCOL"),
    "SASL to plaintext": (
        lambda s: (
            without(s.scram(), "KAFKA_SSL_CA_LOCATION")
            | {"KAFKA_BOOTSTRAP_SERVERS": s.plain, "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
        ),
        "KAFKA_SECURITY_PROTOCOL",
    ),
    "a wrong client secret": (
        lambda s: s.oidc() | {"KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET": "wrong"},
        "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET",
    ),
    "no token endpoint": (
        lambda s: s.oidc() | {"KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": "https://127.0.0.1:1/token"},
        "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL",
    ),
    "an untrusted token endpoint": (
        lambda s: s.oidc() | {"KAFKA_HTTPS_CA_LOCATION": str(s.stranger.certificate)},
        "KAFKA_HTTPS_CA_LOCATION",
    ),
}


@pytest.mark.kafka
@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_names_the_setting_to_look_at(what, secure: SecureKafka):
    make, setting = REFUSALS[what]
    with pytest.raises(BrokerError) as caught:
        Cluster(client(make(secure)), 2).reach()
    assert caught.value.exit_code == 3
    assert setting in caught.value.remedy, caught.value
    assert not any(secret in f"{caught.value} {caught.value.remedy}" for secret in (*SECRETS, "wrong"))


@pytest.mark.kafka
def test_a_wrong_key_password_is_a_setting(secure: SecureKafka):
    with pytest.raises(SettingsError) as caught:
        Cluster(client(secure.mutual() | {"KAFKA_SSL_KEY_PASSWORD": "wrong"}), 2)
    assert "KAFKA_SSL_KEY_PASSWORD" in caught.value.remedy


@pytest.mark.kafka
def test_the_command_ends_with_3_and_the_remedy(secure: SecureKafka, tmp_path):
    env = secure.scram() | {"KAFKA_SASL_PASSWORD": "wrong-hunter2", "INGEST_STORE": "objects"}
    code, output, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert (code, output) == (3, "")
    assert "invalid credentials" in errors
    assert "next:  See KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD" in errors
    assert "hunter2" not in errors


@pytest.mark.kafka
def test_a_user_without_rights_is_told_which(secure: SecureKafka, tmp_path):
    ensure_topic(client(secure.scram()), TOPIC, 2, 20)
    secure.add_user("bob")
    env = secure.scram("bob") | {"KAFKA_TOPIC_EVENTS_RAW": TOPIC, "INGEST_STORE": "objects"}
    code, _, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert (code, f"no topic {TOPIC}" in errors, "ACL" in errors) == (3, True, True), errors
    secure.allow("bob", AclOperation.READ, ResourceType.TOPIC, TOPIC)
    code, _, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert (code, "Group authorization failed" in errors, "ACL" in errors) == (3, True, True), errors
    secure.allow("bob", AclOperation.READ, ResourceType.GROUP, "etl-snowflake")
    code, _, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert code == 0, errors


# --- the client's properties ----------------------------------------------------------------------------------


def refusal(name: str) -> str:
    """What the client says of a nonsensical value of this property."""
    try:
        PlainClient({name: "\x01nonsense", "log_level": "0"})
    except (KafkaException, TypeError, ValueError) as error:
        return str(error)
    return ""


def test_the_client_knows_every_property_that_is_suggested():
    assert "No such configuration property" in refusal("no.such.thing")
    assert not [name for name in sorted(NAMES) if "No such configuration property" in refusal(name)]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("sesion.timeout.ms", "session.timeout.ms"),
        ("fetch.wait.max", "fetch.wait.max.ms"),
        ("sasl_username", "sasl.username"),
        ("bootstrap.server", "bootstrap.servers"),
        ("no.such.thing", None),
    ],
)
def test_a_misspelled_property_is_told_with_the_right_name(wrong, right):
    assert nearest(wrong) == right
    with pytest.raises(SettingsError) as caught:
        Cluster(client_settings("127.0.0.1:1", {wrong: "1"}), 1)
    assert wrong in str(caught.value)
    assert (right or "KAFKA_*") in caught.value.remedy


def test_what_no_pattern_knows_has_no_remedy_of_its_own():
    assert remedy_of("Broker: Not leader for partition") == ""


# --- S3 -------------------------------------------------------------------------------------------------------


def test_a_kms_key_encrypts_every_object(tmp_path, s3: S3Server, embedded_broker):
    s3.create_bucket("encrypted")
    env = CREDENTIALS | {
        "KAFKA_BOOTSTRAP_SERVERS": embedded_broker,
        "KAFKA_TOPIC_EVENTS_RAW": "encrypted",
        "S3_BUCKET_RAW_EVENTS": "encrypted",
        "S3_ENDPOINT_URL": s3.url,
        "S3_SSE_KMS_KEY_ID": "alias/learner-events",
    }
    ingest("produce", "--synthetic", "20", folder=tmp_path, **env)
    code, _, errors = ingest("consume", "--once", folder=tmp_path, **env)
    assert code in {0, 1}, errors
    plain = boto3.session.Session().client(
        "s3", endpoint_url=s3.url, region_name="us-west-2", aws_access_key_id="test", aws_secret_access_key="test"
    )
    keys = [one["Key"] for one in plain.list_objects_v2(Bucket="encrypted")["Contents"]]
    assert len(keys) >= 2, "the canary, and an object of each partition that has records"
    for key in keys:
        head = plain.head_object(Bucket="encrypted", Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/learner-events"), key
    plain.close()


@pytest.fixture(name="guarded", scope="module")
def guarded_s3() -> Iterator[tuple[S3Server, dict[str, str]]]:
    """A server that checks signatures and rights, and the keys of a user who has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", "3")
        with s3_server() as server:
            server.create_bucket("guarded")
            iam = boto3.session.Session().client(
                "iam",
                endpoint_url=server.url,
                region_name="us-west-2",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            iam.create_user(UserName="nobody")
            key = iam.create_access_key(UserName="nobody")["AccessKey"]
            iam.close()
            yield server, {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({}, "AccessDenied"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong-hunter2"}, "SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, "InvalidAccessKeyId"),
    ],
)
def test_a_bucket_that_is_not_ours_is_told_with_the_rights(change, answer, guarded, monkeypatch):
    server, keys = guarded
    for name, value in (CREDENTIALS | keys | change).items():
        monkeypatch.setenv(name, value)
    store = open_store("s3://guarded/events", endpoint_url=server.url, region="us-west-2")
    for ask in (lambda: store.put_if_absent("k", b"", {}), lambda: list(store.list())):
        with pytest.raises(StoreUnavailable, match=rf"{answer} \(403\)") as caught:
            ask()
        assert "s3:PutObject" in caught.value.remedy
        assert not any(secret in str(caught.value) for secret in (keys["AWS_SECRET_ACCESS_KEY"], "hunter2"))


def test_a_bucket_that_is_not_ours_ends_with_3(guarded, embedded_broker, tmp_path):
    server, keys = guarded
    env = CREDENTIALS | keys | {"S3_ENDPOINT_URL": server.url, "KAFKA_BOOTSTRAP_SERVERS": embedded_broker}
    code, output, errors = ingest("consume", "--store", "s3://guarded/events", folder=tmp_path, **env)
    assert (code, output) == (3, "")
    assert "AccessDenied" in errors
    assert "next:  Check the credentials" in errors
    assert keys["AWS_SECRET_ACCESS_KEY"] not in errors


# --- secrets --------------------------------------------------------------------------------------------------


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something."""
    commands = getattr(command, "commands", None)
    if commands is None:
        yield words
    else:
        for name, one in commands.items():
            yield from leaves(one, (*words, name))


COMMANDS = [" ".join(words) for words in leaves(typer.main.get_command(app))]
HIDDEN = {name.upper(): f"hunter2-{name}" for name in Settings.model_fields if "password" in name or "secret" in name}
HIDDEN |= {"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "hunter2-aws"}
SIGN_IN = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "u"}
ONLY_SASL = without(HIDDEN, "KAFKA_SSL_KEY_PASSWORD", "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET")


def test_there_are_secrets_to_hide():
    assert {"KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD", "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET"} <= HIDDEN.keys()


@pytest.mark.parametrize("where", ["environment", ".env"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_a_secret_when_settings_are_wrong(command, where, tmp_path):
    """Every command reads the settings first; a secret may also stand in the wrong place."""
    wrong = HIDDEN | {"HTTP_PORT": "hunter2-in-the-wrong-place", "BATCHSIZE": "hunter2-misspelled"}
    if where == ".env":
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in wrong.items()))
    env = wrong if where == "environment" else {}
    code, output, errors = ingest(*command.split(), folder=tmp_path, **env)
    assert code == 2, errors
    assert "hunter2" not in output + errors


@pytest.mark.parametrize(
    "words",
    [
        ("consume", "--bootstrap-servers", "u:hunter2@127.0.0.1:1"),
        ("produce", "--synthetic", "1", "--bootstrap-servers", "u:hunter2@127.0.0.1:1"),
        ("doctor", "--kafka-config", "bootstrap.servers=u:hunter2@127.0.0.1:1"),
        ("config", "--store", "s3://KEY:hunter2@bucket/p"),
        ("load", "--store", "s3://KEY:hunter2@bucket/p"),
        ("consume", "--store", "s3://KEY:hunter2@bucket/p"),
        ("doctor", "--store", "s3://KEY:hunter2@bucket/p"),
        ("consume", "--kafka-config", "sasl.password=hunter2"),
        ("consume", "--kafka-config", "sasl.password hunter2"),
        ("produce", "--synthetic", "1", "--kafka-config", "sasl.pasword=hunter2"),
        ("doctor", "--kafka-config", "sasl.oauthbearer.client.secret=hunter2"),
        ("consume", "--kafka-config", "ssl.key.pem=hunter2", "--kafka-config", "security.protocol=ssl"),
    ],
)
def test_no_secret_is_printed_of_what_a_flag_holds(words, tmp_path):
    code, output, errors = ingest(*words, folder=tmp_path, INGEST_STORE="objects")
    assert code == 2, errors
    assert "next:" in output + errors
    assert "hunter2" not in output + errors


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--timeout", "2"),
        ("doctor", "--timeout", "2", "--output", "json"),
        ("config",),
        ("config", "--output", "json"),
        ("consume", "--once"),
    ],
)
def test_no_secret_is_printed_while_a_broker_is_away(words, tmp_path):
    """The client's own log at its most talkative included."""
    env = ONLY_SASL | SIGN_IN | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "LOG_LEVEL": "DEBUG", "INGEST_STORE": "o"}
    secrets = ("--kafka-config", "debug=all", "--kafka-config", "sasl.password=hunter2-flag")
    code, output, errors = ingest(*words, *secrets, folder=tmp_path, **env)
    assert code == (0 if words[0] == "config" else 3), errors[-2000:]
    assert "hunter2" not in output + errors
    assert PASSWORD not in output + errors


def test_an_error_is_told_without_its_values():
    with pytest.raises(IngestError) as caught:
        open_store("s3://KEY:hunter2@bucket/p")
    assert "hunter2" not in str(caught.value)
