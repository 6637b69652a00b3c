"""A small HTTP server for pages that are made when they are asked for: GET and HEAD, one thread a request.

For operators' networks: no TLS, no authentication, and nothing that changes anything.
"""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import structlog

from ingest.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What the header Server says of our pages.
_NAME: Final = "ingest"
#: Addresses to listen on that are none to ask at.
_ANYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
LOG: Final = structlog.get_logger("ingest.endpoint")
_LARGEST: Final = 1 << 20  # bytes of an answer that are read
_SLOW: Final = 10.0  # seconds that a client may take to send its request or to take the answer


class Page(NamedTuple):
    """An answer: its status, what kind of text the body is, and the body."""

    status: HTTPStatus
    content_type: str
    body: bytes


def json_page(status: HTTPStatus, content: Mapping[str, Any]) -> Page:
    """One JSON object and a line's end."""
    return Page(status, "application/json", json.dumps(content, ensure_ascii=False).encode() + b"\n")


class Endpoint:
    """Answers with `pages` (path → what makes the page) on `host`:`port` for as long as the `with` block lasts.

    Listens from the start of the constructor's return; raises `SettingsError` if it can't. `port` 0 lets the
    system choose; `port` then says which.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> None:
        try:
            self._server = _server(host, port, pages)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SettingsError(
                f"can't serve /health and /metrics on {host} port {port}: {reason}",
                "Choose another port with --http-port (0: none), or another address with HTTP_HOST.",
            ) from error
        self._thread = Thread(target=self._server.serve_forever, args=(0.1,), name="endpoint", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._server.server_address[1]
        return port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def health_at(host: str, port: int, timeout: float = 2.0) -> str | None:
    """What /health of one of ours says there, `ok` or `failing`; None if it is not ours. `timeout` in seconds."""
    connection = HTTPConnection(_ANYWHERE.get(host, host), port, timeout=timeout)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        if (answer.getheader("Server") or "").strip() != _NAME:
            return None
        return str(json.loads(answer.read(_LARGEST))["status"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def _server(host: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> ThreadingHTTPServer:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]

    class Handler(_Handler):
        answers = pages

    class Server(_Server):
        address_family = family

    return Server((str(address[0]), port), Handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    allow_reuse_port = False  # or two processes would share it, each answering at times
    block_on_close = False  # a client that hangs must not keep the process from ending

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's own asks the DNS for a name that nobody wants, and may wait long

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is its own affair, and the library would print."""


class _Handler(BaseHTTPRequestHandler):
    answers: Mapping[str, Callable[[], Page]]
    timeout = _SLOW
    server_version, sys_version = _NAME, ""

    def do_GET(self) -> None:
        self._send(self._page())

    def do_HEAD(self) -> None:
        self._send(self._page())

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # how the library looks for what a method of HTTP is answered by
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self._send(json_page(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "only GET and HEAD"}), Allow="GET, HEAD")

    def log_message(self, *_: object) -> None:
        """Say nothing: probes come every few seconds."""

    def _page(self) -> Page:
        make = self.answers.get(self.path.partition("?")[0])
        if make is None:
            return json_page(HTTPStatus.NOT_FOUND, {"error": "no such page", "pages": list(self.answers)})
        try:
            return make()
        except Exception as error:
            LOG.error("page_failed", path=self.path.partition("?")[0], error=type(error).__name__)
            return json_page(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "this page can't be made; see the log"})

    def _send(self, page: Page, **headers: str) -> None:
        self.send_response(page.status)
        all_headers = {"Content-Type": page.content_type, "Cache-Control": "no-store"} | headers
        for name, value in all_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)
