"""From settings to the parts: what commands share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest import __version__
from ingest.errors import SettingsError

if TYPE_CHECKING:
    from ingest.chain import Chain, Store
    from ingest.records import Partition
    from ingest.settings import Settings


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> datetime:
        """See `ingest.consume.Clock`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `ingest.consume.Clock`."""
        return time.monotonic()


def settings_of(flags: Mapping[str, Any]) -> Settings:
    """The settings, with logs set up as they say. `flags` that are None were not given."""
    from dotenv import load_dotenv

    from ingest.settings import read_settings
    from ingest.telemetry import set_up_logs

    try:
        load_dotenv(".env")  # for boto3, which reads its credentials from the environment itself
    except UnicodeDecodeError as error:
        raise SettingsError(".env is not UTF-8 text", "Write it anew as UTF-8.") from error
    settings = read_settings(flags)
    set_up_logs(settings.log_level, settings.log_format)
    return settings


def store_of(settings: Settings) -> Store:
    """The store that the settings name; nothing is touched yet."""
    from ingest.store import open_store

    return open_store(
        settings.store_url,
        endpoint_url=settings.s3_endpoint_url,
        region=settings.aws_region,
        kms_key_id=settings.s3_sse_kms_key_id,
    )


def client_of(settings: Settings, properties: Mapping[str, str]) -> dict[str, Any]:
    """What every Kafka client shares, in librdkafka's names."""
    from ingest.kafka import client_settings

    return client_settings(settings.kafka_bootstrap_servers, settings.kafka_properties() | dict(properties))


def pairs(items: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` items as a mapping. Raises `SettingsError`."""
    pairs = {}
    for item in items or ():
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise SettingsError(f"--kafka-config {name}: expected NAME=VALUE", "See librdkafka's CONFIGURATION.")
        pairs[name.strip()] = value.strip()
    return pairs


def identity_of(settings: Settings, client: Mapping[str, Any]) -> str:
    """What stands for the topic's id in keys."""
    import structlog

    from ingest.kafka import topic_id

    topic = settings.kafka_topic_events_raw
    identity = topic_id(client, topic, timeout=10) or settings.kafka_topic_generation
    if identity is None:
        log = structlog.get_logger("ingest.consume")
        log.warning("topic_without_id", topic=topic, remedy="set KAFKA_TOPIC_GENERATION; see docs/decisions")
    return identity or topic


def chains_of(settings: Settings, identity: str, store: Store) -> Callable[[Partition], Chain]:
    """What makes the chain of a partition."""
    from ingest.chain import Chain
    from ingest.objects import ChainId, Encoder

    topic = settings.kafka_topic_events_raw
    encode = Encoder(__version__, uuid.uuid4().hex, settings.parquet_compression)

    def chain_of(partition: Partition) -> Chain:
        return Chain(store, ChainId(topic, identity, partition.number), encode)

    return chain_of
