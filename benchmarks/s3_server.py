"""A small S3 API over HTTP for measurements: objects as files of a folder, conditional puts honoured.

    python -m benchmarks.s3_server --folder DIR [--port 0] [--put-latency 0.15]

Prints its address. Knows what the consumer asks for: PUT (with If-None-Match: *, 412 if taken), GET, HEAD with
x-amz-meta-*, list-type=2. A bucket is there as soon as it is named. Metadata are kept in memory: it serves one run.
Any credentials do. `--put-latency` seconds pass before each put is answered, as they do with a store that is far.
"""

from __future__ import annotations

import argparse
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 1000
Held = tuple[int, float, dict[str, str]]  # size, seconds since 1970, metadata


class Shelf:
    """What the server holds: bodies in the folder, under the quoted key; all else in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._held: dict[tuple[str, str], Held] = {}
        self._puts = 0

    def put(self, bucket: str, key: str, body: bytes, metadata: dict[str, str], *, absent: bool) -> bool:
        """Keep an object whole, or answer False if `absent` is asked for and the key is taken."""
        with self._lock:
            self._puts += 1
            unfinished = self._folder / f"unfinished-{self._puts}"
        unfinished.write_bytes(body)
        path = self.path(bucket, key)
        path.parent.mkdir(exist_ok=True)
        with self._lock:
            if absent and (bucket, key) in self._held:
                unfinished.unlink()
                return False
            unfinished.replace(path)
            self._held[bucket, key] = (len(body), time.time(), metadata)
        return True

    def path(self, bucket: str, key: str) -> Path:
        return self._folder / bucket / quote(key, safe="")

    def find(self, bucket: str, key: str) -> Held | None:
        return self._held.get((bucket, key))

    def list(self, bucket: str, prefix: str, after: str) -> list[tuple[str, Held]]:
        """A page of keys in byte order, and one more if there are more."""
        with self._lock:
            found = [(key, held) for (where, key), held in self._held.items() if where == bucket]
        wanted = sorted((key.encode(), key, held) for key, held in found if key.startswith(prefix))
        return [(key, held) for _, key, held in islice((w for w in wanted if w[0] > after.encode()), PAGE + 1)]


class Handler(BaseHTTPRequestHandler):
    """One connection. `shelf` and `latency` (seconds) are set by `serve`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    shelf: Shelf
    latency: float

    def do_PUT(self) -> None:
        bucket, key, _ = self._asked()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        prefix = "x-amz-meta-"
        metadata = {name[len(prefix) :]: text for name, text in self._lower().items() if name.startswith(prefix)}
        if not key:
            return self._answer(200)
        time.sleep(self.latency)
        won = self.shelf.put(bucket, key, body, metadata, absent=self.headers.get("If-None-Match") == "*")
        return self._answer(200) if won else self._fail(412, "PreconditionFailed")

    def do_HEAD(self) -> None:
        bucket, key, _ = self._asked()
        held = self.shelf.find(bucket, key)
        self._answer(404) if held is None else self._answer(200, length=held[0], headers=_headers(held))

    def do_GET(self) -> None:
        bucket, key, query = self._asked()
        if not key:
            after = query.get("continuation-token", query.get("start-after", ""))
            return self._answer(200, _listing(self.shelf.list(bucket, query.get("prefix", ""), after)))
        held = self.shelf.find(bucket, key)
        if held is None:
            return self._fail(404, "NoSuchKey")
        return self._answer(200, self.shelf.path(bucket, key).read_bytes(), headers=_headers(held))

    def _asked(self) -> tuple[str, str, dict[str, str]]:
        url = urlsplit(self.path)
        bucket, _, key = url.path.removeprefix("/").partition("/")
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        return bucket, unquote(key), query

    def _lower(self) -> dict[str, str]:
        return {name.lower(): text for name, text in self.headers.items()}

    def _fail(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def _answer(
        self, status: int, body: bytes = b"", length: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _headers(held: Held) -> dict[str, str]:
    own = {f"x-amz-meta-{name}": text for name, text in held[2].items()}
    return {"Last-Modified": formatdate(held[1], usegmt=True), "ETag": '"0"', **own}


def _listing(found: list[tuple[str, Held]]) -> bytes:
    shown = found[:PAGE]
    more = len(found) > PAGE
    token = f"<NextContinuationToken>{escape(shown[-1][0])}</NextContinuationToken>" if more else ""
    contents = "".join(
        f"<Contents><Key>{escape(quote(key))}</Key><Size>{held[0]}</Size>"
        f"<LastModified>{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(held[1]))}</LastModified></Contents>"
        for key, held in shown
    )
    truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated><EncodingType>url</EncodingType>"
    return f"<ListBucketResult>{truncated}{token}{contents}</ListBucketResult>".encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def server(folder: Path, port: int = 0, latency: float = 0.0) -> Server:
    """A server on 127.0.0.1, bound and not yet serving; port 0 lets the system choose."""
    handler = type("Bound", (Handler,), {"shelf": Shelf(folder), "latency": latency})
    return Server(("127.0.0.1", port), handler)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--put-latency", type=float, default=0.0, help="seconds before each put is answered")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    serving = server(chosen.folder, chosen.port, chosen.put_latency)
    print(f"http://127.0.0.1:{serving.server_port}", flush=True)
    serving.serve_forever()


if __name__ == "__main__":
    main()
