"""How to reach Kafka safely: what is missing, contradicts itself or is doubtful in the clients' properties.

Properties are librdkafka's, whether they come from KAFKA_* settings or from `--kafka-config`. Left to itself the
client would ignore a password without a SASL protocol, send it in the clear, or tell of a missing file in the
words of OpenSSL. Nothing here repeats a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ingest.settings import SECURITY

_PASSWORD_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_OIDC: Final = ("token.endpoint.url", "client.id", "client.secret")
_FILES: Final = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "https.ca.location")
_ADDRESSES: Final = ("bootstrap.servers", "metadata.broker.list")
_SECRETS: Final = ("sasl.password", "ssl.key.password", "sasl.oauthbearer.client.secret")
_HIDDEN: Final = ("password", "secret", ".pem", "token", "assertion", "jaas", "oauthbearer.config", "private")


def is_secret(name: str) -> bool:
    """Whether the value of this property is for nobody's eyes."""
    return any(part in name.lower() for part in _HIDDEN) and not name.endswith(("url", "location"))


def faults(properties: Mapping[str, str]) -> Iterator[str]:
    """What keeps these properties from meaning anything, named by the variables that set them."""
    protocol = _protocol(properties)
    for name, value in properties.items():
        if "@" in value and (name in _ADDRESSES or name.endswith("url")):
            yield f"{_variable(name)} holds a user or a password; KAFKA_SASL_* are for those"
    sasl = {name for name in properties if name.startswith("sasl.")}
    tls = {name for name in properties if name.startswith("ssl.")}
    if sasl and not protocol.startswith("SASL"):
        yield f"{_variables(sasl)} without KAFKA_SECURITY_PROTOCOL SASL_SSL (it is {protocol}): nobody would sign in"
    if tls and not protocol.endswith("SSL"):
        yield f"{_variables(tls)} without KAFKA_SECURITY_PROTOCOL SSL or SASL_SSL (it is {protocol}): no encryption"
    if protocol.startswith("SASL"):
        yield from _sign_in_faults(properties)
    yield from _pair_faults(properties)
    yield from _file_faults(properties)


def doubts(properties: Mapping[str, str]) -> Iterator[str]:
    """What works, and is probably not what was meant."""
    protocol, mechanism = _protocol(properties), _mechanism(properties)
    if protocol == "SASL_PLAINTEXT":
        what = "the password" if mechanism == "PLAIN" else "every record"
        yield f"KAFKA_SECURITY_PROTOCOL SASL_PLAINTEXT: {what} crosses the network unencrypted; SASL_SSL encrypts"
    if properties.get("enable.ssl.certificate.verification", "true").lower() == "false":
        yield "enable.ssl.certificate.verification=false: anybody on the way can pose as the broker"
    if properties.get("ssl.endpoint.identification.algorithm", "https").lower() == "none":
        yield "ssl.endpoint.identification.algorithm=none: any certificate of that CA passes for the broker's"
    for name in _SECRETS:
        if (value := properties.get(name)) and value != value.strip():
            yield f"{_variable(name)} begins or ends with white space: a line break of a secret's file, perhaps"


def _protocol(properties: Mapping[str, str]) -> str:
    return properties.get("security.protocol", "plaintext").upper()


def _mechanism(properties: Mapping[str, str]) -> str:
    return (properties.get("sasl.mechanism") or properties.get("sasl.mechanisms") or "").upper()


def _sign_in_faults(properties: Mapping[str, str]) -> Iterator[str]:
    mechanism = _mechanism(properties)
    if not mechanism:
        yield f"KAFKA_SECURITY_PROTOCOL {_protocol(properties)} without KAFKA_SASL_MECHANISM, like SCRAM-SHA-512"
    if mechanism in _PASSWORD_MECHANISMS:
        yield from _absent(properties, ("sasl.username", "sasl.password"), mechanism)
    if mechanism == "OAUTHBEARER":
        yield from _token_faults(properties)
    elif given := {name for name in properties if name.startswith("sasl.oauthbearer.")}:
        yield f"{_variables(given)} without KAFKA_SASL_MECHANISM OAUTHBEARER: they would be ignored"


def _token_faults(properties: Mapping[str, str]) -> Iterator[str]:
    """Tokens come from an endpoint, unless other properties name another source, which the client knows about."""
    other = ("grant.type", "metadata.authentication.type", "assertion.jwt.template.file")
    if properties.get("enable.sasl.oauthbearer.unsecure.jwt", "false").lower() == "true":
        return
    if not any(f"sasl.oauthbearer.{name}" in properties for name in other):
        yield from _absent(properties, tuple(f"sasl.oauthbearer.{name}" for name in _OIDC), "OAUTHBEARER")


def _pair_faults(properties: Mapping[str, str]) -> Iterator[str]:
    certificate = {"ssl.certificate.location", "ssl.certificate.pem"} & properties.keys()
    key = {"ssl.key.location", "ssl.key.pem", "ssl.keystore.location"} & properties.keys()
    if certificate and not key:
        yield "KAFKA_SSL_CERTIFICATE_LOCATION without KAFKA_SSL_KEY_LOCATION"
    if key - {"ssl.keystore.location"} and not certificate:
        yield "KAFKA_SSL_KEY_LOCATION without KAFKA_SSL_CERTIFICATE_LOCATION"
    if "ssl.key.password" in properties and not key:
        yield "KAFKA_SSL_KEY_PASSWORD without KAFKA_SSL_KEY_LOCATION"


def _file_faults(properties: Mapping[str, str]) -> Iterator[str]:
    for name in _FILES:
        where = properties.get(name)
        if where is None or where == "probe":
            continue
        try:
            if name != "ssl.ca.location" or not Path(where).is_dir():  # which may be a directory of certificates
                Path(where).open("rb").close()
        except (OSError, ValueError) as error:
            shown = where if where.isprintable() and len(where) < 200 else "this is no path, and"  # a pasted key?
            yield f"{_variable(name)}: {shown} can't be read ({getattr(error, 'strerror', 'not a path')})"


def _absent(properties: Mapping[str, str], wanted: tuple[str, ...], mechanism: str) -> Iterator[str]:
    missing = [name for name in wanted if not properties.get(name)]
    if missing:
        yield f"KAFKA_SASL_MECHANISM {mechanism} needs {_variables(missing)}"


def _variables(names: set[str] | list[str]) -> str:
    return ", ".join(_variable(name) for name in sorted(names))


def _variable(name: str) -> str:
    """The variable of a property; the property itself where only `--kafka-config` sets it."""
    field = "kafka_" + name.replace(".", "_")
    return field.upper() if field in SECURITY else name
