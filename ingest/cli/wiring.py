"""From settings to the parts: what commands share."""

from __future__ import annotations

import os
import re
import time
import uuid
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest import __version__
from ingest.errors import SettingsError

if TYPE_CHECKING:
    from ingest.broker import KafkaBroker
    from ingest.chain import Chain, Store
    from ingest.configuration import Configuration
    from ingest.ddl import Names
    from ingest.records import Partition
    from ingest.settings import Settings
    from ingest.snowflake import Snowflake
    from ingest.snowpipe import Snowpipe
    from ingest.survey import Survey


#: Characters of a word that may be a name; a longer one is likely to be a line of a key.
_NAME_LENGTH: Final = 40


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
    return configuration_of(flags).settings


def configuration_of(flags: Mapping[str, Any]) -> Configuration:
    """The settings and where each came from, with logs set up as they say.

    What `.env` holds besides our settings goes into the environment, as if it had been exported: boto3 reads its
    credentials from there itself.
    """
    import structlog

    from ingest.configuration import configure
    from ingest.settings import Settings
    from ingest.telemetry import set_up_logs

    file = _env_file(Path(".env"))
    found = configure(flags, os.environ, file)
    ours = {name.upper() for name in Settings.model_fields}
    for name in file.keys() - ours:
        os.environ.setdefault(name, file[name])
    set_up_logs(found.settings.log_level, found.settings.log_format)
    for doubt in found.doubts:
        structlog.get_logger("ingest.settings").warning("setting_doubtful", doubt=doubt)
    return found


def _env_file(path: Path) -> dict[str, str]:
    """The variables of a file of NAME=VALUE lines; none if it isn't there. Raises `SettingsError`."""
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8") as lines:
            found = parse_stream(lines)
            broken = [line.original for line in found if line.error or (line.key and line.value is None)]
        # With a broken line `dotenv_values` would log one of its own.
        values = {} if broken else dotenv_values(path, encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text", "Write it anew as UTF-8.") from error
    except OSError as error:
        raise SettingsError(f"{path} can't be read ({error.strerror})", "Give this user the right to.") from error
    if broken:
        raise SettingsError(
            f"{path}, line {broken[0].line}: not NAME=VALUE: {_name_in(broken[0].string)}",
            "Quote values with spaces or quotes in them.",
        )
    return {name: value or "" for name, value in values.items()}


def _name_in(line: str) -> str:
    """The first word of a line of `.env`, which tells what line it is, and nothing of what may be a secret."""
    words = re.split(r"[=\s]", line.strip().removeprefix("export "), maxsplit=1)
    shown = ascii(words[0])[1:-1]
    return (shown if len(shown) <= _NAME_LENGTH else "a long word") + " …" * (len(words) > 1)


def store_of(settings: Settings) -> Store:
    """The store that the settings name; nothing is touched yet."""
    from ingest.store import open_store

    return open_store(
        settings.store_url,
        endpoint_url=settings.s3_endpoint_url,
        region=settings.aws_region,
        kms_key_id=settings.s3_sse_kms_key_id,
    )


def snowflake_of(settings: Settings) -> Snowflake:
    """A session with the account that the settings name, to be entered; nobody signs in yet.

    Raises `SettingsError` if they don't name one, or not what its way to sign in takes.
    """
    import structlog

    from ingest import signin
    from ingest.configuration import complain
    from ingest.snowflake import Credentials, Login, Snowflake

    complain(signin.faults(settings))
    for doubt in signin.doubts(settings):
        structlog.get_logger("ingest.settings").warning("setting_doubtful", doubt=doubt)
    credentials = Credentials(
        settings.snowflake_private_key_path,
        _revealed(settings.snowflake_private_key_passphrase),
        _revealed(settings.snowflake_token),
        settings.snowflake_workload_identity_provider,
        _revealed(settings.snowflake_password),
    )
    return Snowflake(
        Login(
            settings.snowflake_account or "",
            settings.snowflake_username,
            settings.snowflake_authenticator,
            credentials,
            settings.snowflake_database,
            settings.snowflake_role,
            settings.snowflake_warehouse,
            settings.snowflake_host,
        )
    )


def names_of(settings: Settings) -> Names:
    """What everything in Snowflake is called."""
    from ingest.ddl import Names

    return Names(settings.snowflake_name_prefix, settings.snowflake_database)


def pipes_of(settings: Settings, snowflake: Snowflake) -> Snowpipe:
    """What asks about the pipes that load from the settings' store."""
    from urllib.parse import urlsplit

    from ingest.snowpipe import Snowpipe

    return Snowpipe(snowflake, names_of(settings), urlsplit(settings.store_url).path)


def _revealed(secret: Any) -> str | None:
    return None if secret is None else secret.get_secret_value()


def client_of(settings: Settings, properties: Mapping[str, str]) -> dict[str, Any]:
    """What every Kafka client shares, in librdkafka's names; a warning is logged for each doubt about it.

    Raises `SettingsError` for security settings that make no sense together.
    """
    import structlog

    from ingest import security
    from ingest.configuration import complain
    from ingest.kafka import client_settings

    given = settings.kafka_properties() | dict(properties)
    complain(security.faults(given))
    log = structlog.get_logger("ingest.settings")
    for doubt in security.doubts(given):
        log.warning("setting_doubtful", doubt=doubt)
    return client_settings(settings.kafka_bootstrap_servers, given)


def pairs(items: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` items as a mapping. Raises `SettingsError`, which repeats no item: it may hold a secret."""
    found: dict[str, str] = {}
    for number, item in enumerate(items or (), 1):
        name, separator, value = (part.strip() for part in item.partition("="))
        if not separator or not name:
            raise SettingsError(
                f"--kafka-config, number {number} of {len(items or ())}: expected NAME=VALUE",
                "The names are those of librdkafka's CONFIGURATION.md, like fetch.wait.max.ms=100.",
            )
        if name in found:
            raise SettingsError(f"--kafka-config gives {name} twice", "Give it once.")
        found[name] = value
    return found


def broker_of(settings: Settings, client: Mapping[str, Any]) -> KafkaBroker:
    """Whom to ask about the topics, as a context manager. Raises `BrokerError` if one of them is not there."""
    from ingest.broker import KafkaBroker

    return KafkaBroker(client, settings.kafka_consumer_group, settings.kafka_topic_generation)


def survey_of(settings: Settings, broker: KafkaBroker, cluster: str, store: Store, *, accept: bool) -> Survey:
    """How the chain of a partition is opened; `cluster` is the id of the broker's cluster."""
    from ingest.chain import Chain
    from ingest.events import SCHEMA
    from ingest.objects import ChainId, Encoder, settings_text
    from ingest.survey import Survey

    schema = zlib.crc32("\n".join(f"{name} {kind}" for name, kind in SCHEMA.items()).encode())
    what_is_stored = {
        "cluster": cluster,
        "group": settings.kafka_consumer_group,
        "max-record-bytes": str(settings.max_record_bytes),
        "schema": f"{schema:08x}",
    }
    text = settings_text(what_is_stored)
    encode = Encoder(__version__, uuid.uuid4().hex, settings.parquet_compression, text)

    def open_chain(partition: Partition, identity: str) -> Chain:
        chain = ChainId(partition.topic, identity, partition.number)
        return Chain(store, chain, encode, accept=accept)

    return Survey(broker, open_chain)
