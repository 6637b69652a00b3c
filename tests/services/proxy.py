"""An HTTP proxy before an S3 API, through which a test can do to requests what networks and stores do to them.

What the store promises, the proxy keeps: requests for one key reach it one at a time, since moto checks, writes
and attaches metadata in three steps that others can see; and a body that did not come in whole is not passed on,
which S3 would refuse by its length and checksum and moto would keep.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import re
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

_HOP_BY_HOP: Final = {"connection", "expect", "keep-alive", "te", "transfer-encoding", "content-length", "host"}
_CALLER: Final = re.compile(r"Credential=([^/]+)/")


class Gone(Exception):  # noqa: N818 - a state of the other side
    """The client has left: there is nobody to be answered."""


class Response(NamedTuple):
    """What the upstream said. `length` is the header's, which HEAD has without a body."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    length: str


@dataclass
class Exchange:
    """One request on its way, in the hands of a fault: what may be done to it, step by step."""

    handler: BaseHTTPRequestHandler
    proxy: Proxy
    kind: str  #: PUT, HEAD, GET or LIST
    name: str  #: the last two parts of the key, or the last of a listing's prefix: the same in every run
    _body: bytes | None = None

    @property
    def caller(self) -> str:
        """The access key id that signed the request: tests give each process its own."""
        found = _CALLER.search(self.handler.headers.get("Authorization", ""))
        return found[1] if found else ""

    def receive(self, share: float = 1.0) -> None:
        """Read the body, or a share of it, after which only a cut is left. Raises `Gone` if the client leaves."""
        if self._body is None:
            body = _body_of(self.handler, share)
            self._body = body if share == 1 else None

    def forward(self) -> Response:
        """Have the upstream do it, whole, and hear what it says."""
        self.receive()
        assert self._body is not None
        with self.proxy.locks[unquote(urlsplit(self.handler.path).path)]:
            return self.proxy.ask(self.handler.command, self.handler.path, self.handler.headers.items(), self._body)

    def send(self, response: Response, *, share: float = 1.0, last: bool = False) -> None:
        """Tell the client what the upstream said, or a share of it and then cut; `last`: on this connection."""
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        lines += [f"{name}: {value}" for name, value in response.headers if name.lower() not in _HOP_BY_HOP]
        lines += [f"Content-Length: {response.length}", *(["Connection: close"] * last), "", ""]
        text = "\r\n".join(lines).encode("latin-1") + response.body
        try:
            self.handler.wfile.write(text[: int(len(text) * share)])
        except OSError as error:
            raise Gone from error
        self.handler.close_connection |= last
        if share < 1:
            self.cut()

    def answer(self, status: int, code: str, *, last: bool = False) -> None:
        """Answer with an S3 error, whatever the upstream said or would have said."""
        self.receive()
        body = b"" if self.kind == "HEAD" else f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
        self.send(Response(status, code, [("Content-Type", "application/xml")], body, str(len(body))), last=last)

    def cut(self) -> None:
        """Reset the connection."""
        link = self.handler.connection
        self.handler.close_connection = True
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(link.detach())


def _body_of(handler: BaseHTTPRequestHandler, share: float) -> bytes:
    try:
        if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(_chunks(handler))
        length = int(int(handler.headers.get("Content-Length") or 0) * share)
        body = handler.rfile.read(length)
    except (OSError, ValueError) as error:
        raise Gone from error
    if len(body) < length:
        raise Gone
    return body


def _chunks(handler: BaseHTTPRequestHandler) -> Iterator[bytes]:
    while length := int(handler.rfile.readline().split(b";")[0], 16):
        yield handler.rfile.read(length)
        handler.rfile.readline()
    while handler.rfile.readline().strip():  # trailers
        pass


Happening = Callable[[Exchange], None]


class Fault(NamedTuple):
    """What can happen to a request: the name it is counted under, what is done, and to which kinds."""

    name: str
    happening: Happening
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Which request meets which fault: a share for each, drawn anew for each request from the seed.

    The draw depends on what is asked for and how often it was asked before, not on the order of requests.
    """

    seed: int
    shares: Mapping[Fault, float]

    def draw(self, kind: str, name: str, times: int) -> Fault | None:
        draw = random.Random(f"{self.seed} {kind} {name} {times}").random()  # noqa: S311 - chance, not secrets
        for fault, share in self.shares.items():
            if kind in fault.kinds:
                draw -= share
                if draw < 0:
                    return fault
        return None


@dataclass
class Proxy:
    """A running proxy; a calm one passes everything on.

    `trap` is asked about every request first: what it answers happens, and is not counted here. Then `outage`,
    a fault that every request of its kinds meets, then `plan`. Each may be changed at any time.
    """

    upstream: str
    url: str = ""
    trap: Callable[[Exchange], Happening | None] | None = None
    outage: Fault | None = None
    plan: Plan | None = None
    counts: Counter[str] = field(default_factory=Counter)  #: faults that were injected, by name
    requests: Counter[str] = field(default_factory=Counter)  #: by kind
    locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _times: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> Response:
        """One request to the upstream."""
        address = urlsplit(self.upstream)
        kept = {name: value for name, value in headers if name.lower() not in _HOP_BY_HOP}
        link = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        try:
            link.request(
                method, path, body or None, kept | {"Host": address.netloc, "Content-Length": str(len(body))}
            )
            answer = link.getresponse()
            said = answer.read()
            length = answer.getheader("Content-Length") if method == "HEAD" else None
            return Response(answer.status, answer.reason, answer.getheaders(), said, length or str(len(said)))
        finally:
            link.close()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Bring one request to its end, with or without a fault."""
        exchange = Exchange(handler, self, *_what(handler))
        fault = None
        happening = self.trap(exchange) if self.trap else None
        if happening is None and (fault := self._fault(exchange.kind, exchange.name)):
            happening = fault.happening
        with contextlib.suppress(Gone):
            (happening or _pass_on)(exchange)
            if fault:  # it was injected, not only planned
                self.count(fault.name)

    def count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    def _fault(self, kind: str, name: str) -> Fault | None:
        with self._lock:
            self.requests[kind] += 1
            self._times[kind, name] += 1
            times = self._times[kind, name]
        outage, plan = self.outage, self.plan
        if outage and kind in outage.kinds:
            return outage
        return plan.draw(kind, name, times) if plan else None


def _pass_on(exchange: Exchange) -> None:
    exchange.send(exchange.forward())


def _what(handler: BaseHTTPRequestHandler) -> tuple[str, str]:
    """The kind of a request, and the name of what it is about."""
    address = urlsplit(handler.path)
    query = parse_qs(address.query)
    if handler.command == "GET" and "list-type" in query:
        return "LIST", query.get("prefix", [""])[0].strip("/").rpartition("/")[2]
    return handler.command, "/".join(unquote(address.path).split("/")[-2:])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # answers `Expect: 100-continue`, for which botocore waits a second
    disable_nagle_algorithm = True
    proxy: Proxy

    def do_any(self) -> None:
        self.proxy.serve(self)

    do_PUT = do_GET = do_HEAD = do_POST = do_DELETE = do_any  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that was killed in the middle of a request is what this is for."""


@contextmanager
def fault_proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy on a free port of 127.0.0.1, calm at first."""
    proxy = Proxy(upstream)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
