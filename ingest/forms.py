"""What forms the values of settings have: each a type that checks what it is given, and says what it should be.

A complaint never repeats the value: a secret may have been put into the wrong variable.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

_TOPIC: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}")
_BROKER: Final = re.compile(r"(?:[A-Za-z_]+://)?(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/@\[\]]+)(?::(?P<port>\d{1,5}))?/?")
#: What may stand before an address: librdkafka's own, in any case.
_SCHEMES: Final = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"}
#: What Snowflake takes for a name without quotes, and keeps in capitals.
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,127}")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d{12}:[A-Za-z0-9_+=,.@:/-]+")


def _topic_names(text: str) -> str:
    names = [name.strip() for name in text.split(",")]
    if not all(_TOPIC.fullmatch(name) for name in names):
        raise ValueError("should be topic names (letters, digits, . _ -, no dot at the start), comma-separated")
    if len(set(names)) < len(names):
        raise ValueError("names a topic twice")
    return ",".join(names)


def brokers(text: str) -> str:
    """The addresses, tidied. ValueError, without a word of the text, unless they are like host:port,host:port."""
    if "@" in text:
        raise ValueError("holds a user or a password; those belong in KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
    found = [one.strip() for one in text.split(",") if one.strip()]
    if not _schemes(found) <= _SCHEMES:
        raise ValueError("should be host:port, without a scheme such as kafka:// or http://")
    ports = [match and int(match["port"] or 9092) for match in map(_BROKER.fullmatch, found)]
    if not ports or not all(port and port <= 65535 for port in ports):
        raise ValueError("should be host:port, comma-separated, ports from 1 to 65535")
    return ",".join(found)


def _schemes(addresses: list[str]) -> set[str]:
    return {one.partition("://")[0].lower() for one in addresses if "://" in one}


def _without_user(text: str) -> str:
    if "://" in text and "@" in text:
        raise ValueError("holds a user or a secret; credentials have settings of their own")
    return text


def _web_address(text: str) -> str:
    _without_user(text)
    parts = urlsplit(text)  # raises ValueError where brackets do not match
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be http://host:port or https://host")
    return text


def _identifier(text: str) -> str:
    if not _IDENTIFIER.fullmatch(text):
        raise ValueError("should be a name of letters, digits and _, not beginning with a digit")
    return text.upper()


def _arn(text: str) -> str:
    if not _ARN.fullmatch(text):
        raise ValueError("should be like arn:aws:iam::123456789012:role/name")
    return text


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


Topics = Annotated[str, AfterValidator(_topic_names)]
Brokers = Annotated[str, AfterValidator(brokers)]
Address = Annotated[str, AfterValidator(_without_user)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Arn = Annotated[str, AfterValidator(_arn)]
Protocol = Annotated[Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], BeforeValidator(_upper)]
Mechanism = Annotated[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"], BeforeValidator(_upper)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]
Text = Annotated[str, Field(min_length=1)]
Authenticator = Annotated[
    Literal[
        "snowflake_jwt",
        "oauth",
        "programmatic_access_token",
        "workload_identity",
        "externalbrowser",
        "snowflake",
    ],
    BeforeValidator(_lower),
]
IdentityProvider = Annotated[Literal["AWS", "AZURE", "GCP", "OIDC"], BeforeValidator(_upper)]
Edition = Annotated[Literal["standard", "enterprise"], BeforeValidator(_lower)]
