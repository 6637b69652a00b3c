"""Every setting: its environment variable, type, unit, default and an example. Frozen, and handed in.

The environment variable is the field's name in capitals. Where a value comes from is the business of
`ingest.configuration`; this module says what may be set, and what contradicts what.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, SecretStr

from ingest.errors import SettingsError
from ingest.forms import (
    Address,
    Arn,
    Authenticator,
    Brokers,
    Edition,
    Identifier,
    IdentityProvider,
    Level,
    Mechanism,
    Protocol,
    Text,
    Topics,
    WebAddress,
)
from ingest.objects import Compression

_KIB: Final = 1024
_MIB: Final = 1024 * _KIB

#: The settings that are librdkafka properties by another name: `kafka_` and the property, dots as underscores.
SECURITY: Final = (
    "kafka_security_protocol",
    "kafka_sasl_mechanism",
    "kafka_sasl_username",
    "kafka_sasl_password",
    "kafka_sasl_oauthbearer_token_endpoint_url",
    "kafka_sasl_oauthbearer_client_id",
    "kafka_sasl_oauthbearer_client_secret",
    "kafka_sasl_oauthbearer_scope",
    "kafka_https_ca_location",
    "kafka_ssl_ca_location",
    "kafka_ssl_certificate_location",
    "kafka_ssl_key_location",
    "kafka_ssl_key_password",
)


def _setting(default: Any, description: str, example: Any = None, unit: str | None = None, **limits: Any) -> Any:
    """A field that says all of itself. `example` is for settings without a default."""
    shown = [default if example is None else example]
    return Field(default, description=description, examples=shown, json_schema_extra={"unit": unit}, **limits)


class Settings(BaseModel):
    """The whole configuration. Sizes are in bytes, times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kafka_bootstrap_servers: Brokers = _setting("localhost:9092", "Brokers to start from, host:port,…")
    kafka_topic_events_raw: Topics = _setting(
        "events_raw", "The topic that learner events arrive on, or several, comma-separated"
    )
    kafka_consumer_group: Text = _setting("etl-snowflake", "The consumer group")
    kafka_group_instance_id: Text | None = _setting(
        None, "A name of this process's own in the group, kept over restarts (static membership)", "ingest-0"
    )
    kafka_topic_generation: str | None = _setting(
        None,
        "Stands for the topic's id in keys where the broker gives none; the topic's name if unset",
        "2026-11",
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
    )
    kafka_security_protocol: Protocol | None = _setting(
        None, "PLAINTEXT (if unset), SSL, SASL_PLAINTEXT or SASL_SSL", "SASL_SSL"
    )
    kafka_sasl_mechanism: Mechanism | None = _setting(
        None, "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER", "SCRAM-SHA-512"
    )
    kafka_sasl_username: Text | None = _setting(None, "User for SASL", "ingest")
    kafka_sasl_password: SecretStr | None = _setting(None, "Password for SASL", "…")
    kafka_sasl_oauthbearer_token_endpoint_url: WebAddress | None = _setting(
        None, "Where OAUTHBEARER gets its tokens (OIDC)", "https://login.example.com/oauth2/token"
    )
    kafka_sasl_oauthbearer_client_id: Text | None = _setting(None, "Client id at the token endpoint", "ingest")
    kafka_sasl_oauthbearer_client_secret: SecretStr | None = _setting(
        None, "Client secret at the token endpoint", "…"
    )
    kafka_sasl_oauthbearer_scope: Text | None = _setting(None, "Scope to ask the token endpoint for", "kafka")
    kafka_https_ca_location: Text | None = _setting(
        None, "File of CA certificates (PEM) for the token endpoint; the system's if unset", "/etc/ssl/ca.pem"
    )
    kafka_ssl_ca_location: Text | None = _setting(
        None, "File of CA certificates (PEM) for the brokers; the system's if unset", "/etc/kafka/ca.pem"
    )
    kafka_ssl_certificate_location: Text | None = _setting(
        None, "File of the client certificate (PEM)", "/etc/kafka/client.pem"
    )
    kafka_ssl_key_location: Text | None = _setting(None, "File of the client key (PEM)", "/etc/kafka/client.key")
    kafka_ssl_key_password: SecretStr | None = _setting(None, "Password of the client key", "…")

    ingest_store: Address | None = _setting(
        None, "Where objects go: s3://bucket/prefix or a folder; the S3 settings below if unset", "s3://bucket/events"
    )
    s3_bucket_raw_events: Text = _setting("aivo-data-raw", "The bucket for objects")
    s3_prefix: str = _setting("events", "What keys in the bucket start with")
    s3_endpoint_url: WebAddress | None = _setting(
        None, "An S3-compatible store instead of AWS", "http://localhost:9000"
    )
    s3_sse_kms_key_id: Text | None = _setting(None, "KMS key for server-side encryption", "alias/events")
    aws_region: Text = _setting("us-west-2", "Region of the bucket")

    duckdb_path: Text = _setting("data/warehouse.duckdb", "The DuckDB warehouse file")

    snowflake_account: Text | None = _setting(None, "The account's identifier", "myorg-myaccount")
    snowflake_username: Text | None = _setting(None, "The user to sign in as", "AIVO_INGEST")
    snowflake_authenticator: Authenticator = _setting(
        "snowflake_jwt",
        "How to sign in: snowflake_jwt (key pair), oauth, programmatic_access_token, workload_identity, or, for "
        "people, externalbrowser",
    )
    snowflake_private_key_path: Text | None = _setting(
        None, "File of the private key (PEM, PKCS#8) for snowflake_jwt", "/etc/snowflake/rsa_key.p8"
    )
    snowflake_private_key_passphrase: SecretStr | None = _setting(None, "Passphrase of the private key", "…")
    snowflake_token: SecretStr | None = _setting(None, "The token for oauth or programmatic_access_token", "…")
    snowflake_workload_identity_provider: IdentityProvider | None = _setting(
        None, "Who vouches for this process under workload_identity: AWS, AZURE, GCP or OIDC", "AWS"
    )
    snowflake_password: SecretStr | None = _setting(
        None, "A password, for people alone: service users can't sign in with one any more", "…"
    )
    snowflake_role: Identifier | None = _setting(None, "The role; the user's default role if unset", "AIVO_MONITOR")
    snowflake_warehouse: Identifier | None = _setting(
        None, "The virtual warehouse; the user's default one if unset", "AIVO_MONITOR_WH"
    )
    snowflake_database: Identifier = _setting("AIVO_ANALYTICS", "The database")
    snowflake_host: Text | None = _setting(
        None, "Another host than the account's own, or http://host:port of a stand-in", "myorg-myaccount.example.com"
    )
    snowflake_name_prefix: Identifier = _setting(
        "AIVO", "What the names of roles, users, warehouses and integrations begin with"
    )
    snowflake_edition: Edition = _setting(
        "enterprise", "standard has no masking and row access policies, and a day of time travel"
    )
    snowflake_storage_role_arn: Arn | None = _setting(
        None, "The AWS role by which Snowflake reads the bucket", "arn:aws:iam::123456789012:role/aivo-snowflake"
    )
    snowflake_error_topic_arn: Arn | None = _setting(
        None,
        "The SNS topic for pipes' errors; none are sent if unset",
        "arn:aws:sns:us-west-2:123456789012:aivo-errors",
    )
    snowflake_error_role_arn: Arn | None = _setting(
        None, "The AWS role by which Snowflake writes there", "arn:aws:iam::123456789012:role/aivo-snowflake-errors"
    )
    snowflake_credit_quota: PositiveInt = _setting(
        400, "Credits a month at which the resource monitor stops the virtual warehouses", unit="credits"
    )

    raw_retention_months: PositiveInt = _setting(18, "How long objects and raw rows are kept", unit="months", le=1200)
    aggregate_retention_years: PositiveInt = _setting(7, "How long aggregates are kept", unit="years", le=100)
    realtime_view_days: PositiveInt = _setting(90, "How far real-time views look back", unit="days", le=36_500)

    batch_size: PositiveInt = _setting(10_000, "Records of an object at the most", unit="records", le=10_000_000)
    flush_interval_seconds: PositiveFloat = _setting(
        300, "Age at which a smaller batch goes", unit="seconds", le=86_400
    )
    max_batch_bytes: PositiveInt = _setting(64 * _MIB, "Bytes of record values that make a batch due", unit="bytes")
    max_buffer_bytes: PositiveInt = _setting(
        256 * _MIB, "Bytes of record values held, all partitions together; reading pauses there", unit="bytes"
    )
    max_record_bytes: PositiveInt = _setting(
        _MIB, "A larger record is quarantined as too_large, its bytes kept", unit="bytes"
    )
    put_concurrency: Annotated[int, Field(ge=1, le=64)] = _setting(
        8, "Objects on their way at once; never more than one of a partition"
    )
    shutdown_grace_seconds: PositiveFloat = _setting(30, "How long a stop waits for objects", unit="seconds", le=3600)
    reader: Literal["auto", "compiled", "python"] = _setting(
        "auto", "What reads records: auto (compiled if it is there), compiled, python"
    )
    parquet_compression: Compression = _setting("snappy", "snappy, zstd, lz4, gzip or none")

    http_port: Annotated[int, Field(ge=0, le=65535)] = _setting(8080, "Port of /health and /metrics; 0: none")
    http_host: Text = _setting("127.0.0.1", "Address that they listen on; 0.0.0.0 in a container")
    stuck_after_seconds: PositiveFloat = _setting(
        300, "Records that wait so long without any progress turn /health to 503", unit="seconds", le=86_400
    )

    log_level: Level = _setting("INFO", "The least level logged")
    log_format: Literal["auto", "json", "text"] = _setting("auto", "auto: text on a terminal, else json")

    @property
    def store_url(self) -> str:
        """Where objects go."""
        return self.ingest_store or f"s3://{self.s3_bucket_raw_events}/{self.s3_prefix}".rstrip("/")

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to consume, in the order given, each once."""
        return tuple(self.kafka_topic_events_raw.split(","))

    @property
    def topic(self) -> str:
        """The one topic, for what works on one alone. Raises `SettingsError` if several are named."""
        if len(self.topics) > 1:
            raise SettingsError("this works on one topic, and KAFKA_TOPIC_EVENTS_RAW names several", "Give --topic.")
        return self.kafka_topic_events_raw

    def kafka_properties(self) -> dict[str, str]:
        """The security settings under librdkafka's names."""
        found = self._properties(SECURITY)
        if "sasl.oauthbearer.token.endpoint.url" in found:
            found["sasl.oauthbearer.method"] = "oidc"
        return found

    def group_properties(self) -> dict[str, str]:
        """What only a member of the consumer group is told, under librdkafka's names."""
        return self._properties(("kafka_group_instance_id",))

    def _properties(self, fields: tuple[str, ...]) -> dict[str, str]:
        given = ((field, getattr(self, field)) for field in fields)
        return {
            field.removeprefix("kafka_").replace("_", "."): revealed(value)
            for field, value in given
            if value is not None
        }


def revealed(value: Any) -> str:
    """The text of a setting's value, secrets in the clear: for the client that needs it, never for people."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def shown(value: Any) -> Any:
    """The value as people may see it."""
    return "********" if isinstance(value, SecretStr) else value
