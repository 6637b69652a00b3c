"""What to do about the Kafka client's errors, as far as their texts say more than their codes.

A wrong password, an unknown authority and a missing client certificate share a code or two; only the text tells
them apart. Each remedy names the setting to look at. What no pattern knows keeps the remedy of its code
(`ingest.kafka`).
"""

from __future__ import annotations

import re
from typing import Final

from ingest.properties import nearest

#: The first pattern that is found in the text gives the remedy.
_REMEDIES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), remedy)
    for pattern, remedy in (
        (
            r"OAUTHBEARER token: .*certificate",
            "KAFKA_HTTPS_CA_LOCATION must hold the authority that signed the token endpoint's certificate.",
        ),
        (
            r"OAUTHBEARER token: .*(connect|resolve|timed out)",
            "See KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: nobody answers there.",
        ),
        (
            r"OAUTHBEARER token: ",
            "See KAFKA_SASL_OAUTHBEARER_CLIENT_ID, KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET, "
            "KAFKA_SASL_OAUTHBEARER_SCOPE and KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL.",
        ),
        (
            r"invalid_token|SASL mechanism OAUTHBEARER",
            "The broker does not take the token: see its audience, issuer and KAFKA_SASL_OAUTHBEARER_SCOPE.",
        ),
        (
            r"supported mechanisms:\s*(\(|$)",
            "That listener wants no sign-in: see KAFKA_SECURITY_PROTOCOL and KAFKA_SASL_MECHANISM.",
        ),
        (r"mechanism handshake failed|unsupported SASL mechanism", "See KAFKA_SASL_MECHANISM."),
        (r"SASL authentication error", "See KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM."),
        (
            r"certificate verify failed",
            "KAFKA_SSL_CA_LOCATION must hold the authority that signed the broker's certificate, and that "
            "certificate must name the host as KAFKA_BOOTSTRAP_SERVERS does.",
        ),
        (
            r"alert (bad certificate|certificate required|unknown ca|certificate unknown)",
            "The broker wants a client certificate that it trusts: see KAFKA_SSL_CERTIFICATE_LOCATION and "
            "KAFKA_SSL_KEY_LOCATION.",
        ),
        (r"ssl\.key\.location failed", "See KAFKA_SSL_KEY_LOCATION, and KAFKA_SSL_KEY_PASSWORD if it has one."),
        (r"ssl\.certificate\.location failed", "See KAFKA_SSL_CERTIFICATE_LOCATION: a PEM file is wanted."),
        (r"ssl\.ca\.location failed", "See KAFKA_SSL_CA_LOCATION: a PEM file is wanted."),
        (r"PLAINTEXT broker listener", "That listener speaks no TLS: see KAFKA_SECURITY_PROTOCOL."),
        (
            r"SSL broker listener|brokers are down|connection closed by peer",
            "Is the broker running there, and does that listener speak KAFKA_SECURITY_PROTOCOL? "
            "See KAFKA_BOOTSTRAP_SERVERS.",
        ),
    )
)
_NO_PROPERTY: Final = re.compile(r'No such configuration property: "([^"]+)"')


def remedy_of(text: str) -> str:
    """The remedy that the text of an error calls for, or ""."""
    if unknown := _NO_PROPERTY.search(text):
        near = nearest(unknown[1])
        return f"Did you mean --kafka-config {near}=…?" if near else ""
    return next((remedy for pattern, remedy in _REMEDIES if pattern.search(text)), "")
