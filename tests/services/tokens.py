"""An OpenID Connect provider in little: tokens for client credentials over HTTPS, and the keys that prove them."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER = "https://tokens.test"


@dataclass
class Provider:
    """Where tokens are to be had, where their keys are, and whom it knows. `asked` are the bodies of requests.

    Tokens live for `seconds`.
    """

    clients: dict[str, str]
    token_url: str = ""
    keys_url: str = ""
    asked: list[str] = field(default_factory=list)
    seconds: int = 300

    def __post_init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, subject: str) -> str:
        now = int(time.time())
        claims = {
            "sub": subject,
            "iss": ISSUER,
            "aud": "kafka",
            "iat": now,
            "exp": now + self.seconds,
            "scope": "events",
        }
        signed = f"{_text({'alg': 'RS256', 'kid': 'one', 'typ': 'JWT'})}.{_text(claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"

    def keys(self) -> dict[str, object]:
        numbers = self._key.public_key().public_numbers()
        n, e = (_base64(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "n": n, "e": e}]}


@contextmanager
def provider(clients: dict[str, str], certificate: Path, key: Path) -> Iterator[Provider]:
    """Serve until the block ends. `clients` are ids and secrets."""
    own = Provider(clients)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, own.keys())

        def do_POST(self) -> None:
            own.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            name, _, secret = given.partition(":")
            if not secret or own.clients.get(name) != secret:
                self._answer(401, {"error": "invalid_client"})
                return
            self._answer(200, {"access_token": own.token(name), "token_type": "Bearer", "expires_in": own.seconds})

        def _answer(self, code: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    tokens, keys = (ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
    tokens.socket = context.wrap_socket(tokens.socket, server_side=True)
    own.token_url = f"https://127.0.0.1:{tokens.server_port}/token"
    own.keys_url = f"http://127.0.0.1:{keys.server_port}/keys"
    threads = [Thread(target=server.serve_forever, daemon=True) for server in (tokens, keys)]
    for thread in threads:
        thread.start()
    try:
        yield own
    finally:
        for server in (tokens, keys):
            server.shutdown()
            server.server_close()


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _text(content: object) -> str:
    return _base64(json.dumps(content).encode())
