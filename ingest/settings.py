"""Every setting: its environment variable, type, unit and default. Read once, then frozen and handed in.

The environment variable is the field's name in capitals. Precedence: flag, environment, `.env`, default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.errors import SettingsError
from ingest.objects import Compression

_KIB: Final = 1024
_MIB: Final = 1024 * _KIB

#: The settings that are librdkafka properties by another name.
_KAFKA_PROPERTIES: Final = (
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password",
    "ssl_ca_location",
    "ssl_certificate_location",
    "ssl_key_location",
    "ssl_key_password",
)


class Settings(BaseSettings):
    """The whole configuration. Sizes are in bytes, times in seconds."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    kafka_bootstrap_servers: str = Field("localhost:9092", description="Brokers to start from, host:port,…")
    kafka_topic_events_raw: str = Field(
        "events_raw",
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}$",
        description="The topic that learner events arrive on",
    )
    kafka_consumer_group: str = Field("etl-snowflake", min_length=1, description="The consumer group")
    kafka_topic_generation: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
        description="Stands for the topic's id in keys where the broker gives none; the topic's name if unset",
    )
    kafka_security_protocol: str | None = Field(None, description="plaintext, ssl, sasl_plaintext or sasl_ssl")
    kafka_sasl_mechanism: str | None = Field(None, description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, …")
    kafka_sasl_username: str | None = Field(None, description="User for SASL")
    kafka_sasl_password: SecretStr | None = Field(None, description="Password for SASL")
    kafka_ssl_ca_location: str | None = Field(None, description="File of CA certificates (PEM)")
    kafka_ssl_certificate_location: str | None = Field(None, description="File of the client certificate (PEM)")
    kafka_ssl_key_location: str | None = Field(None, description="File of the client key (PEM)")
    kafka_ssl_key_password: SecretStr | None = Field(None, description="Password of the client key")

    ingest_store: str | None = Field(
        None, description="Where objects go: s3://bucket/prefix or a folder; the S3 settings below if unset"
    )
    s3_bucket_raw_events: str = Field("aivo-data-raw", description="The bucket for objects")
    s3_prefix: str = Field("events", description="What keys in the bucket start with")
    s3_endpoint_url: str | None = Field(None, description="An S3-compatible store instead of AWS")
    s3_sse_kms_key_id: str | None = Field(None, description="KMS key for server-side encryption")
    aws_region: str = Field("us-west-2", description="Region of the bucket")

    duckdb_path: str = Field("data/warehouse.duckdb", description="The DuckDB warehouse file")

    batch_size: PositiveInt = Field(10_000, le=10_000_000, description="Records of an object at the most")
    flush_interval_seconds: PositiveFloat = Field(300, le=86_400, description="Age at which a smaller batch goes")
    max_batch_bytes: PositiveInt = Field(64 * _MIB, description="Bytes of record values that make a batch due")
    max_buffer_bytes: PositiveInt = Field(
        256 * _MIB, description="Bytes of record values held, all partitions together; reading pauses there"
    )
    max_record_bytes: PositiveInt = Field(
        _MIB, description="A larger record is quarantined as too_large, its bytes kept"
    )
    put_concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        8, description="Objects on their way at once; never more than one of a partition"
    )
    shutdown_grace_seconds: PositiveFloat = Field(30, le=3600, description="How long a stop waits for objects")
    parquet_compression: Compression = Field("snappy", description="snappy, zstd, lz4, gzip or none")

    http_port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="Port of /health and /metrics; 0: none")
    http_host: str = Field("127.0.0.1", description="Address that they listen on; 0.0.0.0 in a container")
    stuck_after_seconds: PositiveFloat = Field(
        300, le=86_400, description="Records that wait so long without any progress turn /health to 503"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="The least level logged")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else json")

    @property
    def store_url(self) -> str:
        """Where objects go."""
        return self.ingest_store or f"s3://{self.s3_bucket_raw_events}/{self.s3_prefix}".rstrip("/")

    def kafka_properties(self) -> dict[str, str]:
        """The security settings under librdkafka's names."""
        found = {}
        for name in _KAFKA_PROPERTIES:
            value = getattr(self, f"kafka_{name}")
            if value is not None:
                text = value.get_secret_value() if isinstance(value, SecretStr) else value
                found[name.replace("_", ".")] = text
        return found


def read_settings(flags: Mapping[str, Any]) -> Settings:
    """The settings from flags (None: not given), the environment, `.env` and the defaults.

    Raises `SettingsError` that names each malformed variable, and never its value.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()]
        raise SettingsError(
            "; ".join(faults), "Mend the flag, the environment variable or the line in .env."
        ) from error
