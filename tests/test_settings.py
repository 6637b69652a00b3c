"""Which value wins, where it came from, and what is said of a wrong one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest import security
from ingest.configuration import _ALIASES, Origin, configure
from ingest.errors import SettingsError
from ingest.settings import Settings

MISSPELLED = {
    "KAFKA_BOOTSTRAP_SERVER": "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BOOSTRAP_SERVERS": "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_TOPIC_EVENT_RAW": "KAFKA_TOPIC_EVENTS_RAW",
    "KAFKA_CONSUMER_GROUP_ID": "KAFKA_CONSUMER_GROUP",
    "KAFKA_SASL_USER": "KAFKA_SASL_USERNAME",
    "KAFKA_SASL_PASS": "KAFKA_SASL_PASSWORD",
    "KAFKA_SASL_MECHANISMS": "KAFKA_SASL_MECHANISM",
    "KAFKA_SASL_OAUTHBEARER_TOKEN_URL": "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL",
    "S3_BUCKET_RAW_EVENT": "S3_BUCKET_RAW_EVENTS",
    "S3_ENDPOINT": "S3_ENDPOINT_URL",
    "S3_KMS_KEY_ID": "S3_SSE_KMS_KEY_ID",
    "DUCK_DB_PATH": "DUCKDB_PATH",
    "BATCHSIZE": "BATCH_SIZE",
    "batch_size": "BATCH_SIZE",
    "FLUSH_INTERVAL_SECOND": "FLUSH_INTERVAL_SECONDS",
    "LOGLEVEL": "LOG_LEVEL",
}
#: What shells, images, Kubernetes and other tools put into an environment.
OTHERS = """
KAFKA_HOME KAFKA_OPTS KAFKA_HEAP_OPTS KAFKA_LOG4J_OPTS KAFKA_JMX_PORT KAFKA_VERSION KAFKA_BROKER_ID KAFKA_CFG_NODE_ID
KAFKA_PORT KAFKA_PORT_9092_TCP KAFKA_PORT_9092_TCP_ADDR KAFKA_PORT_9092_TCP_PORT KAFKA_PORT_9092_TCP_PROTO
KAFKA_SERVICE_HOST KAFKA_SERVICE_PORT KAFKA_SERVICE_PORT_CLIENT KAFKA_ADVERTISED_LISTENERS KAFKA_ZOOKEEPER_CONNECT
KAFKA_SSL_KEYSTORE_LOCATION KAFKA_SSL_KEYSTORE_PASSWORD KAFKA_SSL_TRUSTSTORE_LOCATION KAFKA_SASL_JAAS_CONFIG
KAFKA_SASL_ENABLED_MECHANISMS KAFKA_SECURITY_INTER_BROKER_PROTOCOL KAFKA_SCHEMA_REGISTRY_URL KAFKA_CLIENT_ID
S3_BUCKET S3_REGION S3_ACCESS_KEY S3_USE_SSL AWS_PROFILE AWS_DEFAULT_REGION AWS_ROLE_ARN AWS_ENDPOINT_URL
AWS_ENDPOINT_URL_S3 AWS_CA_BUNDLE AWS_SESSION_TOKEN AWS_WEB_IDENTITY_TOKEN_FILE HTTP_PROXY HTTPS_PROXY http_proxy
HTTPS_PORT SMTP_PORT LOGNAME LOG_DIR INGEST_PORT INGEST_SERVICE_HOST DUCKDB_HOME SNOWFLAKE_HOME JAVA_HOME HOSTNAME
""".split()  # noqa: SIM905 - a list of words


def told(*, flags: dict | None = None, environment: dict | None = None, file: dict | None = None) -> str:
    """What the error says."""
    with pytest.raises(SettingsError) as caught:
        configure(flags or {}, environment or {}, file or {})
    assert caught.value.remedy
    return str(caught.value)


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default():
    found = configure(
        {"batch_size": 1}, {"BATCH_SIZE": "2", "HTTP_PORT": "2"}, {"HTTP_PORT": "3", "LOG_LEVEL": "debug"}
    )
    settings, origins = found.settings, found.origins
    assert (settings.batch_size, origins["batch_size"]) == (1, Origin.FLAG)
    assert (settings.http_port, origins["http_port"]) == (2, Origin.ENVIRONMENT)
    assert (settings.log_level, origins["log_level"]) == ("DEBUG", Origin.FILE)
    assert (settings.s3_prefix, origins["s3_prefix"]) == ("events", Origin.DEFAULT)
    assert origins.keys() == Settings.model_fields.keys()


def test_a_flag_that_was_not_given_and_an_empty_variable_count_as_unset():
    found = configure({"batch_size": None}, {"BATCH_SIZE": ""}, {"BATCH_SIZE": "7"})
    assert (found.settings.batch_size, found.origins["batch_size"]) == (7, Origin.FILE)


@pytest.mark.parametrize(("wrong", "right"), MISSPELLED.items())
def test_a_misspelled_variable_is_an_error_with_the_right_name(wrong, right):
    for given in ({"environment": {wrong: "v"}}, {"file": {wrong: "v"}}):
        assert wrong in told(**given)
        assert f"did you mean {right}?" in told(**given)


@pytest.mark.parametrize(
    ("name", "shown"), [("\u200bLOG_LEVEL", r"\u200bLOG_LEVEL"), ("\ufeffS3_PREFIX", r"\ufeffS3_PREFIX")]
)
def test_a_character_that_nobody_sees_is_shown(name, shown):
    assert f"{shown} is in .env" in told(file={name: "v"})


@pytest.mark.parametrize("name", OTHERS)
def test_other_tools_variables_do_not_disturb(name):
    assert configure({}, {name: "x"}, {name: "x"}).settings == Settings()


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("KAFKA_TOPIC", "KAFKA_TOPIC_EVENTS_RAW"),
        ("KAFKA_GROUP_ID", "KAFKA_CONSUMER_GROUP"),
        ("KAFKA_BROKERS", "KAFKA_BOOTSTRAP_SERVERS"),
        ("S3_BUCKET", "S3_BUCKET_RAW_EVENTS"),
        ("S3_REGION", "AWS_REGION"),
        ("FLUSH_INTERVAL", "FLUSH_INTERVAL_SECONDS"),
    ],
)
def test_a_name_that_may_be_another_tools_is_doubtful_as_long_as_ours_is_not_given(given, ours):
    for environment, file in (({given: "hunter2"}, {}), ({}, {given: "hunter2"})):
        found = configure({}, environment, file)
        assert found.settings == Settings()
        (doubt,) = found.doubts
        assert f"{given} (" in doubt
        assert ours in doubt
        assert "hunter2" not in doubt
        example = Settings.model_fields[ours.lower()].examples[0]
        assert configure({}, environment | {ours: str(example)}, file).doubts == ()
        assert configure({ours.lower(): example}, environment, file).doubts == ()
    assert configure({}, {given: ""}, {}).doubts == ()


def test_every_alias_is_no_misspelling_and_names_a_setting():
    for name, ours in _ALIASES.items():
        assert ours.lower() in Settings.model_fields
        assert len(configure({}, {name: "x"}, {}).doubts) == 1


def test_a_bucket_is_no_doubt_where_the_store_is_given():
    assert configure({}, {"S3_BUCKET": "b", "INGEST_STORE": "objects"}, {}).doubts == ()


def test_every_fault_is_told_at_once_with_an_example_and_never_with_the_value():
    text = told(
        flags={"batch_size": "hunter2"},
        environment={
            "HTTP_PORT": "hunter2",
            "PARQUET_COMPRESSION": "hunter2",
            "KAFKA_BOOTSTRAP_SERVERS": "u:hunter2@h:1",
        },
        file={"FLUSH_INTERVAL_SECONDS": "-1", "BATCH_SIZES": "hunter2"},
    )
    assert text.startswith("6 settings are wrong\n")
    assert "BATCH_SIZE (flag): " in text
    assert "for example 10000" in text
    assert "HTTP_PORT (environment): " in text
    assert "FLUSH_INTERVAL_SECONDS (.env): should be greater than 0" in text
    assert "'snappy'" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost:port", "host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost:99999", "ports from 1 to 65535"),
        ("KAFKA_BOOTSTRAP_SERVERS", " , ", "host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka://x:9092", "host:port, without a scheme"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1,http://hunter2:9092", "host:port, without a scheme"),
        ("KAFKA_BOOTSTRAP_SERVERS", "user:hunter2@broker:9092", "KAFKA_SASL_PASSWORD"),
        ("KAFKA_TOPIC_EVENTS_RAW", "events raw", "topic names"),
        ("KAFKA_TOPIC_EVENTS_RAW", "a,,b", "topic names"),
        ("KAFKA_TOPIC_EVENTS_RAW", "a,b,a", "twice"),
        ("KAFKA_TOPIC_EVENTS_RAW", ".hidden", "topic names"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS", "'SASL_SSL'"),
        ("KAFKA_SASL_MECHANISM", "SCRAM", "'SCRAM-SHA-512'"),
        ("KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL", "login.example.com", "https://"),
        ("KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL", "https://u:hunter2@login.example.com", "a secret"),
        ("INGEST_STORE", "s3://KEY:hunter2@bucket/p", "a secret"),
        ("S3_ENDPOINT_URL", "localhost:9000", "http://localhost:9000"),
        ("S3_ENDPOINT_URL", "http://KEY:hunter2@localhost:9000", "a secret"),
        ("MAX_BATCH_BYTES", "999999999999", "MAX_BUFFER_BYTES"),
        ("MAX_RECORD_BYTES", "999999999999", "MAX_BUFFER_BYTES"),
    ],
)
def test_what_a_setting_does_not_take(variable, value, says):
    text = told(environment={variable: value})
    assert variable in text
    assert says in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "value",
    [
        "localhost",
        "a:1,b:2",
        "[::1]:9092",
        "PLAINTEXT://h:9092",
        "sasl_ssl://h:1",
        "b-1.x.kafka.us-west-2.amazonaws.com:9096 , h_2:1",
    ],
)
def test_addresses_of_brokers(value):
    found = configure({}, {"KAFKA_BOOTSTRAP_SERVERS": value}, {}).settings.kafka_bootstrap_servers
    assert found == value.replace(" ", "")


def test_several_topics_keep_their_order():
    settings = configure({}, {"KAFKA_TOPIC_EVENTS_RAW": "b, a.x,c-1"}, {}).settings
    assert settings.topics == ("b", "a.x", "c-1")
    with pytest.raises(SettingsError, match="several"):
        _ = settings.topic
    assert Settings().topics == ("events_raw",)
    assert Settings().topic == "events_raw"


def test_every_setting_carries_its_description_and_an_example_that_it_takes():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        (example,) = field.examples or ()
        assert Settings(**{name: example}) is not None


def test_secrets_are_masked_wherever_settings_are_printed():
    secrets = {name: "hunter2" for name in Settings.model_fields if "password" in name or "secret" in name}
    assert len(secrets) >= 3
    settings = Settings(**secrets)
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.kafka_properties()["sasl.password"] == "hunter2"


# --- Kafka's security, wherever the properties come from ------------------------------------------------------


def properties(**variables: str) -> dict[str, str]:
    return Settings(**{f"kafka_{name}": value for name, value in variables.items()}).kafka_properties()


def test_settings_become_properties():
    found = properties(
        security_protocol="sasl_ssl",
        sasl_mechanism="oauthbearer",
        sasl_oauthbearer_token_endpoint_url="https://login.example.com/token",
        sasl_oauthbearer_client_id="me",
        sasl_oauthbearer_client_secret="hush",
        sasl_oauthbearer_scope="kafka",
        https_ca_location="/ca",
        ssl_ca_location="/ca",
    )
    assert found == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": "https://login.example.com/token",
        "sasl.oauthbearer.client.id": "me",
        "sasl.oauthbearer.client.secret": "hush",
        "sasl.oauthbearer.scope": "kafka",
        "https.ca.location": "/ca",
        "ssl.ca.location": "/ca",
    }
    assert Settings(kafka_group_instance_id="pod-0").group_properties() == {"group.instance.id": "pod-0"}
    assert Settings().kafka_properties() == Settings().group_properties() == {}


SASL = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}
USER = {"sasl.username": "u", "sasl.password": "hunter2"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (USER, "KAFKA_SASL_PASSWORD, KAFKA_SASL_USERNAME without KAFKA_SECURITY_PROTOCOL SASL_SSL"),
        (USER | {"security.protocol": "ssl"}, "nobody would sign in"),
        ({"ssl.ca.location": __file__}, "KAFKA_SSL_CA_LOCATION without KAFKA_SECURITY_PROTOCOL SSL"),
        ({"security.protocol": "SASL_SSL"} | USER, "without KAFKA_SASL_MECHANISM"),
        (SASL, "SCRAM-SHA-512 needs KAFKA_SASL_PASSWORD, KAFKA_SASL_USERNAME"),
        (SASL | {"sasl.username": "u"}, "SCRAM-SHA-512 needs KAFKA_SASL_PASSWORD"),
        (SASL | {"sasl.mechanism": "OAUTHBEARER"}, "needs KAFKA_SASL_OAUTHBEARER_CLIENT_ID"),
        (SASL | USER | {"sasl.oauthbearer.scope": "s"}, "KAFKA_SASL_OAUTHBEARER_SCOPE without KAFKA_SASL_MECHANISM"),
        (
            {"security.protocol": "SSL", "ssl.certificate.location": __file__},
            "KAFKA_SSL_CERTIFICATE_LOCATION without KAFKA_SSL_KEY_LOCATION",
        ),
        (
            {"security.protocol": "SSL", "ssl.key.location": __file__},
            "KAFKA_SSL_KEY_LOCATION without KAFKA_SSL_CERTIFICATE_LOCATION",
        ),
        ({"security.protocol": "SSL", "ssl.key.password": "hunter2"}, "KAFKA_SSL_KEY_PASSWORD without"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/no/such.pem"}, "/no/such.pem can't be read (No such file"),
        (
            {"security.protocol": "SSL", "ssl.ca.location": "-----BEGIN\nhunter2"},
            "KAFKA_SSL_CA_LOCATION: this is no path",
        ),
        ({"https.ca.location": "/"}, "KAFKA_HTTPS_CA_LOCATION: / can't be read"),
        ({"bootstrap.servers": "u:hunter2@h:9"}, "bootstrap.servers holds a user"),
    ],
)
def test_security_settings_that_make_no_sense_together(given, says):
    text = "\n".join(security.faults(given))
    assert says in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "given",
    [
        {},
        SASL | USER,
        {"security.protocol": "ssl", "ssl.ca.location": "/"},
        {"security.protocol": "ssl", "ssl.ca.location": "probe"},
        SASL | {"sasl.mechanism": "OAUTHBEARER", "enable.sasl.oauthbearer.unsecure.jwt": "true"},
        SASL | {"sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.metadata.authentication.type": "azure_imds"},
        {"security.protocol": "ssl", "ssl.keystore.location": "/k.p12", "ssl.key.password": "x"},
        {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "PLAIN"} | USER,
    ],
)
def test_security_settings_that_do(given):
    assert list(security.faults(given)) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            USER | {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN"},
            "the password crosses the network",
        ),
        (USER | {"security.protocol": "sasl_plaintext", "sasl.mechanism": "SCRAM-SHA-256"}, "every record crosses"),
        ({"enable.ssl.certificate.verification": "False"}, "pose as the broker"),
        ({"ssl.endpoint.identification.algorithm": "none"}, "passes for the broker's"),
        (
            SASL | {"sasl.username": "u", "sasl.password": "hunter2\n"},
            "KAFKA_SASL_PASSWORD begins or ends with white",
        ),
    ],
)
def test_doubts(given, says):
    text = "\n".join(security.doubts(given))
    assert says in text
    assert "hunter2" not in text
    assert list(security.doubts(SASL | USER)) == []


# --- the command ----------------------------------------------------------------------------------------------


def config(*words: str, folder: Path, **env: str) -> tuple[int, str, str]:
    return run("config", *words, folder=folder, **env)


def run(*words: str, folder: Path, **env: str) -> tuple[int, str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "S3_"))} | env
    command = [sys.executable, "-m", "ingest", *words]
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_config_shows_every_setting_and_its_origin(tmp_path):
    (tmp_path / ".env").write_text('S3_PREFIX="from file"\nKAFKA_SASL_PASSWORD=hunter2\nAWS_PROFILE=x\nHTTP_PORT=1\n')
    env = {"HTTP_PORT": "81", "KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "KAFKA_SASL_MECHANISM": "plain"}
    words = ("--topic", "t", "--kafka-config", "sasl.username=me", "--kafka-config", "ssl.keystore.password=hunter2")
    code, output, errors = config(*words, "--output", "json", folder=tmp_path, **env)
    assert code == 0, errors
    found = {line["variable"]: (line["value"], line["origin"]) for line in json.loads(output)["settings"]}
    assert found["S3_PREFIX"] == ("from file", ".env")
    assert found["HTTP_PORT"] == (81, "environment")
    assert found["KAFKA_TOPIC_EVENTS_RAW"] == ("t", "flag")
    assert found["BATCH_SIZE"] == (10_000, "default")
    assert found["KAFKA_SASL_PASSWORD"] == ("********", ".env")
    assert found["--kafka-config sasl.username"] == ("me", "flag")
    assert found["--kafka-config ssl.keystore.password"] == ("********", "flag")
    assert {name.upper() for name in Settings.model_fields} <= found.keys()
    code, text, errors = config(*words, "--changed", folder=tmp_path, **env)
    assert code == 0, errors
    assert "KAFKA_TOPIC_EVENTS_RAW                     flag         t\n" in text
    assert "BATCH_SIZE" not in text
    assert "hunter2" not in output + text + errors


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"BATCH_SIZE=\xff\n", "not UTF-8"),
        (b"# fine\nBATCH_SIZE\n", "line 2: not NAME=VALUE: BATCH_SIZE\n"),
        (b"BATCH_SIZE=1\nKAFKA_SASL_PASSWORD='hunter2\n", "line 2: not NAME=VALUE: KAFKA_SASL_PASSWORD …\n"),
        (b"export KAFKA_SASL_PASSWORD hunter2\n", "line 1: not NAME=VALUE: KAFKA_SASL_PASSWORD …\n"),
        (b"KAFKA_SSL_KEY=a\n" + 8 * b"hunter2" + b"\n", "line 2: not NAME=VALUE: a long word\n"),
        (b"BATCH_SIZE=hunter2\n", "BATCH_SIZE (.env): should be a valid integer"),
    ],
)
def test_a_file_that_is_no_file_of_settings(content, says, tmp_path):
    (tmp_path / ".env").write_bytes(content)
    code, output, errors = config(folder=tmp_path)
    assert (code, output) == (2, "")
    assert says in errors
    assert "hunter2" not in errors
    assert all(line.startswith(("error: ", "next:  ")) for line in errors.splitlines()), "one voice alone"


def test_a_doubtful_name_is_told_and_does_not_stop(tmp_path):
    code, output, errors = config("--changed", folder=tmp_path, KAFKA_TOPIC="hunter2")
    assert code == 0
    assert "setting_doubtful" in errors
    assert "KAFKA_TOPIC_EVENTS_RAW" in errors
    assert "hunter2" not in output + errors


def test_a_property_given_wrongly_is_told_by_its_place_alone(tmp_path):
    code, _, errors = config("--kafka-config", "a=b", "--kafka-config", "sasl.password hunter2", folder=tmp_path)
    assert code == 2
    assert "number 2 of 2: expected NAME=VALUE" in errors
    assert "hunter2" not in errors
    code, _, errors = config("--kafka-config", "a.b=1", "--kafka-config", "a.b=2", folder=tmp_path)
    assert (code, "a.b twice" in errors) == (2, True)


def test_with_kip_848_nothing_of_the_classic_protocol_is_sent(tmp_path, embedded_broker):
    """With that protocol the broker says when a member is missing; a member with a name of its own joins too."""
    env = {"KAFKA_BOOTSTRAP_SERVERS": embedded_broker, "KAFKA_TOPIC_EVENTS_RAW": "kip-848", "INGEST_STORE": "objects"}
    event = '{"event_id":"e","event_type":"t","timestamp":0,"learner_id":"l"}\n'
    (tmp_path / "events.ndjson").write_text(event)
    assert run("produce", "events.ndjson", folder=tmp_path, **env)[0] == 0
    words = ("consume", "--once", "--output", "json", "--kafka-config", "group.protocol=consumer")
    code, output, errors = run(*words, folder=tmp_path, KAFKA_GROUP_INSTANCE_ID="pod-0", **env)
    assert code == 0, errors
    assert json.loads(output)["records"] == 1
    code, _, errors = run(*words, "--kafka-config", "session.timeout.ms=7000", folder=tmp_path, **env)
    assert (code, "session.timeout.ms" in errors) == (2, True), errors
