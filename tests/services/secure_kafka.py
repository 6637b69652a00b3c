"""An Apache Kafka that has every way to sign in: SCRAM, PLAIN and OAUTHBEARER over TLS, and client certificates.

It also has ACLs: `alice`, the certificate's owner and the tokens' subject may do everything, others what `allow`
grants them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from infra.kafka import broker
from tests.services.certificates import Authority
from tests.services.kafka import require_java
from tests.services.tokens import ISSUER, Provider, provider

PASSWORD, KEY_PASSWORD, CLIENT_SECRET = "scram-hunter2", "key-hunter2", "oidc-hunter2"
SECRETS = (PASSWORD, KEY_PASSWORD, CLIENT_SECRET)

_PROPERTIES = """
listeners=PLAINTEXT://{host}:{plain},CONTROLLER://{host}:{controller},SASL_SSL://{host}:{sasl},SSL://{host}:{tls}
advertised.listeners=PLAINTEXT://{host}:{plain},SASL_SSL://{host}:{sasl},SSL://{host}:{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_alice="{password}";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config={login}.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class={login}.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.jwks.endpoint.url={keys}
listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.expected.audience=kafka
listener.name.sasl_ssl.oauthbearer.sasl.oauthbearer.expected.issuer={issuer}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:alice;User:CN=client;User:robot
"""


@dataclass
class SecureKafka:
    """Addresses, files and the token endpoint; `admin` reaches it by its plain listener."""

    plain: str
    sasl: str
    tls: str
    authority: Authority
    stranger: Authority
    certificate: Path
    key: Path
    tokens: Provider

    def __post_init__(self) -> None:
        self.admin = AdminClient({"bootstrap.servers": self.plain})

    def scram(self, user: str = "alice", mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
        """Variables with which `user` signs in."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.sasl,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": mechanism,
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_SSL_CA_LOCATION": str(self.authority.certificate),
        }

    def mutual(self) -> dict[str, str]:
        """Variables that show the client's certificate."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.tls,
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CA_LOCATION": str(self.authority.certificate),
            "KAFKA_SSL_CERTIFICATE_LOCATION": str(self.certificate),
            "KAFKA_SSL_KEY_LOCATION": str(self.key),
            "KAFKA_SSL_KEY_PASSWORD": KEY_PASSWORD,
        }

    def oidc(self) -> dict[str, str]:
        """Variables that get a token first."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.sasl,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
            "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": self.tokens.token_url,
            "KAFKA_SASL_OAUTHBEARER_CLIENT_ID": "robot",
            "KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET": CLIENT_SECRET,
            "KAFKA_SASL_OAUTHBEARER_SCOPE": "events",
            "KAFKA_SSL_CA_LOCATION": str(self.authority.certificate),
            "KAFKA_HTTPS_CA_LOCATION": str(self.authority.certificate),
        }

    def add_user(self, name: str) -> None:
        """Give a user a password, for both SCRAM mechanisms."""
        for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(kind, 4096)
            upsert = UserScramCredentialUpsertion(name, info, PASSWORD.encode())
            self.admin.alter_user_scram_credentials([upsert])[name].result(30)

    def allow(self, user: str, operation: AclOperation, kind: ResourceType, name: str) -> None:
        acl = AclBinding(
            kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW
        )
        self.admin.create_acls([acl])[acl].result(30)
        time.sleep(0.5)  # until the authorizer has heard of it


@pytest.fixture(scope="session", name="secure")
def secure_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    """One for the session. Import it in a conftest, nowhere else."""
    with secure_kafka(tmp_path_factory.mktemp("secure-kafka")) as own:
        yield own


@contextmanager
def secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    """Start it, with `alice` in it; the caller's test is skipped where there is no Java."""
    require_java()
    authority, stranger = Authority(folder, "ours"), Authority(folder, "stranger")
    certificate, key = authority.issue("server")
    keystore = folder / "server.keystore.pem"
    keystore.write_bytes(key.read_bytes() + certificate.read_bytes())
    with provider({"robot": CLIENT_SECRET}, certificate, key) as tokens:
        plain, controller, sasl, tls = (broker.free_port() for _ in range(4))
        more = _PROPERTIES.format(
            host=broker.HOST,
            plain=plain,
            controller=controller,
            sasl=sasl,
            tls=tls,
            keystore=keystore,
            truststore=authority.certificate,
            login="org.apache.kafka.common.security",
            password=PASSWORD,
            keys=tokens.keys_url,
            issuer=ISSUER,
        )
        options = (f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={tokens.keys_url}",)
        home = broker.Home(folder / "broker")
        process = broker.start(home, plain, controller, more, options)
        try:
            at = [f"{broker.HOST}:{port}" for port in (plain, sasl, tls)]
            own = SecureKafka(*at, authority, stranger, *authority.issue("client", password=KEY_PASSWORD), tokens)
            own.add_user("alice")
            yield own
        finally:
            broker.stop(home)
            process.wait(10)
