"""Records to the topic: from any source of (key, value), or from NDJSON lines as they stand.

Nothing is judged here. A malformed line is sent byte for byte like any other; the consumer quarantines it.
"""

from __future__ import annotations

import codecs
import contextlib
import itertools
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, Protocol

import msgspec

from ingest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_LINE_BYTES: Final = 20_971_520  #: no topic takes longer records without special settings
PROGRESS_SECONDS: Final = 0.5
#: First lines of a document that spans several: no event is like them.
_OPENINGS: Final = frozenset((b"{", b"[", b"[{"))
_NO_KEY: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Produced(NamedTuple):
    """How much has been produced: records, bytes of their values, and seconds since the start."""

    records: int
    bytes: int
    seconds: float


class Sender(Protocol):
    """Where records go: `ingest.kafka.Producer` teaches what the methods mean."""

    def send(self, key: bytes | None, value: bytes | None) -> None: ...  # noqa: D102
    def poll(self) -> None: ...  # noqa: D102
    def flush(self) -> int: ...  # noqa: D102


def produce(
    records: Iterable[tuple[bytes | None, bytes | None]],
    producer: Sender,
    on_progress: Callable[[Produced], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Produced:
    """Send every record and wait until all are acknowledged; `on_progress` hears of it about twice a second.

    Progress counts what is queued, the answer what is acknowledged. Raises `BrokerError` if any was not.
    """
    start = shown = clock()
    size = 0
    for count, (key, value) in enumerate(records, 1):
        producer.send(key, value)
        size += len(value or b"")
        if (now := clock()) - shown >= PROGRESS_SECONDS:
            shown = now
            producer.poll()
            on_progress(Produced(count, size, now - start))
    return Produced(producer.flush(), size, clock() - start)


@dataclass(slots=True)
class Lines:
    """What `read_ndjson` has met: records, those of them without a key, and empty lines, which are skipped."""

    records: int = 0
    keyless: int = 0
    empty: int = 0


@contextlib.contextmanager
def open_ndjson(path: str, stdin: BinaryIO) -> Iterator[BinaryIO]:
    """Open a file, or take `stdin` for `-`. Raises `InputError` if it can't be opened."""
    if path == "-":
        yield stdin
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below, and only opening is translated
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror}", "Name an NDJSON file, or - for stdin.") from error
    with stream:
        yield stream


def read_ndjson(
    stream: BinaryIO, lines: Lines | None = None, max_bytes: int = MAX_LINE_BYTES
) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield (key, value) for each line: the value is the line's bytes, the key its learner's id or None.

    The line feed is no part of the value; a last line may lack it. Lines of white space are skipped, and
    counted in `lines`. Raises `InputError` if the stream breaks, or at a line of more than `max_bytes`.
    """
    lines = Lines() if lines is None else lines
    for line in _bounded(stream, max_bytes, lines):
        value = line.removesuffix(b"\n")
        if not value or value.isspace():
            lines.empty += 1
            continue
        key = key_of(value)
        lines.records += 1
        lines.keyless += key is None
        yield key, value


def of_lines(records: Iterable[tuple[bytes | None, bytes]]) -> Iterator[tuple[bytes | None, bytes]]:
    """The same records, if they are lines: `InputError` if the first one opens a document that spans several.

    What is sent can't be taken back, and each line of such a document would be a record. Other garbage is let pass.
    """
    rest = iter(records)
    first = list(itertools.islice(rest, 1))
    if first and b"".join(first[0][1].removeprefix(codecs.BOM_UTF8).split()) in _OPENINGS:
        raise InputError(
            "nothing was sent: this is a JSON document over several lines, and each line would be a record",
            "Write an event a line: jq -c '.[]' FILE. For statements of another standard: --format xapi or caliper.",
        )
    return itertools.chain(first, rest)


def _bounded(stream: BinaryIO, max_bytes: int, lines: Lines) -> Iterator[bytes]:
    try:
        for line in iter(partial(stream.readline, max_bytes + 1), b""):
            if len(line) > max_bytes and not line.endswith(b"\n"):
                where = f"line {lines.records + lines.empty + 1}"
                raise InputError(f"{where} is longer than {max_bytes} bytes", "Is it NDJSON, one event a line?")
            yield line
    except OSError as error:
        raise InputError(f"reading stopped: {error.strerror}", "Mend the input, and send the rest.") from error


class _Keyed(msgspec.Struct, gc=False):
    learner_id: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()


_keyed: Final = msgspec.json.Decoder(_Keyed).decode
_text: Final = msgspec.json.Decoder(str).decode


def key_of(value: bytes) -> bytes | None:
    """Find the learner's id in a bare or a wrapped event; None where there is no such text."""
    try:
        found = _keyed(value)
        if not bytes(found.learner_id) and bytes(found.event):
            found = _keyed(found.event)
        return _text(found.learner_id).encode() or None
    except _NO_KEY:
        return None
