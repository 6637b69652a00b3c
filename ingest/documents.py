"""A stream of JSON → its records, each with its place: lines, arrays, and batches that hold several records.

Lines are read one at a time. A document that spans lines, like a pretty-printed array, is held in memory.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final, NamedTuple

import msgspec
from msgspec import Raw

from ingest.envelope import UNREADABLE
from ingest.errors import InputError

#: Of a document that spans lines, and of one line.
MAX_DOCUMENT_BYTES: Final = 268_435_456

_decode_any = msgspec.json.Decoder(Raw).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode


class Batch(NamedTuple):
    """An object that holds records under `member`. `others` are its only other members; None means any."""

    member: str
    others: frozenset[str] | None = None
    continues: str = ""  #: the member that names the next page of a result


class Piece(NamedTuple):
    """One record: where it stands, its own bytes, and what its batch holds beside the records."""

    place: str
    value: bytes
    batch: str = ""
    around: Mapping[str, Raw] = {}

    def whole(self) -> bytes:
        """The record as it can be read again: within its batch, if that says more about it."""
        if not self.around:
            return self.value
        return msgspec.json.encode({**self.around, self.batch: [Raw(self.value)]})


@dataclass(slots=True)
class Reading:
    """What has been met on the way: empty lines, and batches that say that they are not all."""

    empty: int = 0
    unfinished: int = 0


def read_pieces(
    stream: BinaryIO, batch: Batch, reading: Reading, max_bytes: int = MAX_DOCUMENT_BYTES
) -> Iterator[Piece]:
    """Yield every record of a stream, and whatever is none, in order.

    Raises `InputError` if the stream breaks, or at a line of more than `max_bytes`.
    """
    head, first = _head(stream, reading, max_bytes)
    if head.lstrip()[:1] in {b"[", b"{"} and not _is_json(head):
        head += _read(partial(stream.read, max(0, max_bytes - len(head))))
        if _is_json(head):
            yield from _unpack("", head, batch, reading)
            return
    for number, line in _lines(head, first, stream, max_bytes):
        value = line.removesuffix(b"\n")
        if not value or value.isspace():
            reading.empty += 1
        else:
            yield from _unpack(f"line {number}", value, batch, reading)


def _head(stream: BinaryIO, reading: Reading, max_bytes: int) -> tuple[bytes, int]:
    """The first line that is not empty, and its number."""
    head, number = _line(stream, max_bytes, 1).removeprefix(codecs.BOM_UTF8), 1
    while head.isspace():
        reading.empty, number = reading.empty + 1, number + 1
        head = _line(stream, max_bytes, number)
    return head, number


def _lines(head: bytes, first: int, stream: BinaryIO, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """The lines of what has been read already, then those of the rest, each with its number from `first` on."""
    number = first - 1
    for number, line in enumerate(io.BytesIO(head), first):
        yield number, line if line.endswith(b"\n") else line + _line(stream, max_bytes, number)
    while line := _line(stream, max_bytes, number := number + 1):
        yield number, line


def _line(stream: BinaryIO, max_bytes: int, number: int) -> bytes:
    line = _read(partial(stream.readline, max_bytes + 1))
    if len(line) > max_bytes and not line.endswith(b"\n"):
        raise InputError(f"line {number} is longer than {max_bytes} bytes", "Cut the file: a record a line is best.")
    return line


def _read(take: partial[bytes]) -> bytes:
    try:
        return take()
    except OSError as error:
        raise InputError(f"reading stopped: {error.strerror}", "Mend the input, and send it again.") from error


def _is_json(value: bytes) -> bool:
    try:
        _decode_any(value)
    except UNREADABLE:
        return False
    return True


def _unpack(place: str, value: bytes, batch: Batch, reading: Reading) -> Iterator[Piece]:
    for where, element in _elements(place, value):
        inside = _inside(element, batch)
        if inside is None:
            yield Piece(where or "the document", element)
            continue
        records, around = inside
        if batch.continues:
            reading.unfinished += bytes(around.pop(batch.continues, b"null")) not in {b'""', b"null"}
        for number, record in enumerate(records, 1):
            yield Piece(_item(where, number), bytes(record), batch.member, around)


def _elements(place: str, value: bytes) -> Iterator[tuple[str, bytes]]:
    """The elements of an array, or the value itself."""
    try:
        found = _decode_list(value) if value.lstrip()[:1] == b"[" else None
    except UNREADABLE:
        found = None
    if found is None:
        yield place, value
    else:
        yield from ((_item(place, number), bytes(each)) for number, each in enumerate(found, 1))


def _item(place: str, number: int) -> str:
    return f"{place}, item {number}" if place else f"item {number}"


def _inside(value: bytes, batch: Batch) -> tuple[list[Raw], dict[str, Raw]] | None:
    """The records of a batch, and its other members; None if the value is no batch."""
    if value.lstrip()[:1] != b"{":
        return None
    try:
        members = _decode_object(value)
        records = _decode_list(members.pop(batch.member, b"null"))
    except UNREADABLE:
        return None
    other = "actor" in members or (batch.others is not None and not members.keys() <= batch.others)
    return None if other else (records, members)
