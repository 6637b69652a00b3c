"""From flags, environment and `.env` to the settings: which value wins, where it came from, and what is wrong.

Precedence: flag, environment, `.env`, default. All faults are told at once, by the variable's name, with an
example, and never with the value that was given: a secret may have been put into the wrong variable.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ingest.errors import SettingsError
from ingest.settings import Settings

#: How alike two names are that were meant to be one. Below it lie other tools' (KAFKA_HOME, S3_BUCKET, …).
_NEAR: Final = 0.84
#: Other tools' variables that are near ours by chance, and therefore no misspellings.
_OTHERS: Final = frozenset(
    {
        *("HTTPS_PORT", "HTTPS_HOST", "KAFKA_SSL_KEYSTORE_LOCATION", "KAFKA_SSL_KEYSTORE_PASSWORD"),
        # of Snowflake's own command line, and of processes that run inside Snowflake
        *("SNOWFLAKE_USER", "SNOWFLAKE_SCHEMA", "SNOWFLAKE_PORT", "SNOWFLAKE_PROTOCOL", "SNOWFLAKE_TOKEN_FILE_PATH"),
        *("SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_PRIVATE_KEY_RAW", "SNOWFLAKE_PRIVATE_KEY_FILE_PWD"),
        *("SNOWFLAKE_SESSION_TOKEN", "SNOWFLAKE_MASTER_TOKEN", "SNOWFLAKE_HOME", "PRIVATE_KEY_PASSPHRASE"),
    }
)
#: Names too likely another tool's to be errors, and ours that may have been meant.
_ALIASES: Final = {
    "KAFKA_TOPIC": "KAFKA_TOPIC_EVENTS_RAW",
    "KAFKA_TOPICS": "KAFKA_TOPIC_EVENTS_RAW",
    "KAFKA_TOPIC_NAME": "KAFKA_TOPIC_EVENTS_RAW",
    "KAFKA_GROUP": "KAFKA_CONSUMER_GROUP",
    "KAFKA_GROUP_ID": "KAFKA_CONSUMER_GROUP",
    "KAFKA_BROKER": "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BROKERS": "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BROKER_LIST": "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BOOTSTRAP": "KAFKA_BOOTSTRAP_SERVERS",
    "BOOTSTRAP_SERVERS": "KAFKA_BOOTSTRAP_SERVERS",
    "S3_BUCKET": "S3_BUCKET_RAW_EVENTS",
    "S3_BUCKET_NAME": "S3_BUCKET_RAW_EVENTS",
    "S3_REGION": "AWS_REGION",
    "FLUSH_INTERVAL": "FLUSH_INTERVAL_SECONDS",
    "SNOWFLAKE_USER": "SNOWFLAKE_USERNAME",
    "SNOWFLAKE_PRIVATE_KEY_FILE": "SNOWFLAKE_PRIVATE_KEY_PATH",
    "PRIVATE_KEY_PASSPHRASE": "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
}
_VARIABLES: Final = tuple(name.upper() for name in Settings.model_fields)


class Origin(StrEnum):
    """Where a setting's value came from."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = ".env"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, where each field's value came from, and what was probably meant otherwise."""

    settings: Settings
    origins: Mapping[str, Origin]
    doubts: tuple[str, ...] = ()


def configure(flags: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, str]) -> Configuration:
    """Read the settings. `flags` go by the fields' names, None: not given; empty variables count as unset.

    Raises `SettingsError` that tells every malformed and every misspelled variable, or else every
    contradiction.
    """
    layers = {
        Origin.FILE: _of_variables(file),
        Origin.ENVIRONMENT: _of_variables(environment),
        Origin.FLAG: {name: value for name, value in flags.items() if value is not None},
    }
    origins = dict.fromkeys(Settings.model_fields, Origin.DEFAULT)
    values: dict[str, Any] = {}
    for origin, layer in layers.items():
        values |= layer
        origins |= dict.fromkeys(layer, origin)
    faults = [*_misspelled(environment, Origin.ENVIRONMENT), *_misspelled(file, Origin.FILE)]
    settings = _validated(values, origins, faults)
    complain(contradictions(settings))
    doubts = (*_aliased(environment, Origin.ENVIRONMENT, origins), *_aliased(file, Origin.FILE, origins))
    return Configuration(settings, origins, doubts)


def complain(faults: Iterable[str]) -> None:
    """Raise `SettingsError` with all the faults, if there are any."""
    told = list(faults)
    if told:
        text = (
            told[0] if len(told) == 1 else f"{len(told)} settings are wrong" + "".join(f"\n  {one}" for one in told)
        )
        raise SettingsError(
            text, "Mend the flag, the variable or the line in .env; docs/operations.md lists them all."
        )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was meant to be, probably; None if it is like none of them."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    return found[0] if found else None


def contradictions(settings: Settings) -> Iterator[str]:
    """What can't be meant together, each with the variables that say so."""
    if settings.max_batch_bytes > settings.max_buffer_bytes:
        yield "MAX_BATCH_BYTES is more than MAX_BUFFER_BYTES: no batch could ever grow that large"
    if settings.max_record_bytes > settings.max_buffer_bytes:
        yield "MAX_RECORD_BYTES is more than MAX_BUFFER_BYTES: one such record is more than may be held"
    if settings.raw_retention_months > 12 * settings.aggregate_retention_years:
        yield "RAW_RETENTION_MONTHS is longer than AGGREGATE_RETENTION_YEARS; aggregates outlive raw events"
    if (settings.snowflake_error_topic_arn is None) != (settings.snowflake_error_role_arn is None):
        yield "SNOWFLAKE_ERROR_TOPIC_ARN and SNOWFLAKE_ERROR_ROLE_ARN go together: one of them is missing"


def _of_variables(source: Mapping[str, str]) -> dict[str, str]:
    """The values of our settings among the variables, by field."""
    return {name.lower(): source[name] for name in _VARIABLES if source.get(name, "") != ""}


def _misspelled(source: Mapping[str, str], origin: Origin) -> Iterator[str]:
    for name in sorted(source.keys() - set(_VARIABLES) - _OTHERS):
        seen = "".join(filter(str.isprintable, name)).upper()
        near = nearest(seen, _VARIABLES)
        if near and near[0] == seen[0]:  # AWS_ENDPOINT_URL is boto3's own, and no S3_ENDPOINT_URL
            shown = ascii(name)[1:-1]  # a character that nobody sees is told by its escape
            if origin is Origin.FILE:
                yield f"{shown} is in .env, but there is no such setting: did you mean {near}?"
            else:
                yield f"{shown} is no setting: did you mean {near}? If it is another tool's: env -u {shown} ingest …"


def _aliased(source: Mapping[str, str], origin: Origin, origins: Mapping[str, Origin]) -> Iterator[str]:
    """What may have been meant for a setting that nobody has given."""
    for name in sorted(source.keys() & _ALIASES.keys()):
        ours = _ALIASES[name]
        elsewhere = ours.startswith(("S3_", "AWS_")) and origins["ingest_store"] is not Origin.DEFAULT
        if source[name] and origins[ours.lower()] is Origin.DEFAULT and not elsewhere:
            yield f"{name} ({origin}) is no setting and not read; {ours}, which is, has its default"


def _validated(values: Mapping[str, Any], origins: Mapping[str, Origin], faults: list[str]) -> Settings:
    """The settings; raises with `faults` and those of the values, if there are any."""
    try:
        settings = Settings(**values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        complain([*faults, *(_told(fault, origins) for fault in found)])
        raise
    complain(faults)
    return settings


def _told(fault: ErrorDetails, origins: Mapping[str, Origin]) -> str:
    name = str(fault["loc"][0])
    field, origin = Settings.model_fields.get(name), origins.get(name, Origin.FLAG)
    says = fault["msg"].removeprefix("Value error, ").replace("Input should", "should")
    example = f"; for example {field.examples[0]}" if field and field.examples else ""
    return f"{name.upper()} ({origin}): {says}{example}"
