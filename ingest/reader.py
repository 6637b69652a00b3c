"""The compiled reader (`rust/`): records' values → columns of events.

It reads what is beyond doubt an event and exactly as `ingest.envelope.examine` would, which stays the definition; it
says which records it left. A property test holds the two together. Without it everything is read in Python.
"""

from __future__ import annotations

import ctypes
import weakref
from array import array
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from ingest.errors import IngestError

#: Of the interface; a library of another number is one of another version.
_VERSION: Final = 3
_AT_ONCE: Final = 512 * 1024  # bytes that are put together for a call: what stays in the processor's cache
_NAMES: Final = ("_reader.so", "_reader.dylib")
_HERE: Final = Path(__file__).parent


class Reading:
    """Columns that grow by one library. Not for use by several threads at once."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._columns = library.reading_new()
        weakref.finalize(self, library.reading_free, self._columns)

    def add(self, values: Sequence[bytes | None], max_bytes: int) -> list[int]:
        """Read on: a row for each value. Answers which of them are left, counted from the first of these.

        A row that was left holds nulls. Left are all values that are empty or of more than
        `max_bytes` bytes, all that are no event, and some that are.
        """
        wanted = _wanted(values, max_bytes)
        lengths = array("Q", map(len, wanted))
        rows = len(wanted) // (sum(lengths) // _AT_ONCE + 1) + 1
        left: list[int] = []
        for first in range(0, len(wanted), rows):
            left += self._add(wanted[first : first + rows], lengths[first : first + rows], first)
        return left

    def _add(self, values: Sequence[bytes], lengths: array[int], first: int) -> list[int]:
        odd = array("B", bytes(len(values)))
        left = self._library.reading_add(
            self._columns, b"".join(values), lengths.buffer_info()[0], len(values), odd.buffer_info()[0]
        )
        if left < 0:
            raise IngestError("the compiled reader failed", "READER=python reads without it; please report it.")
        return [first + row for row, one in enumerate(odd) if one] if left else []

    def take(self) -> pl.DataFrame:
        """The event columns of `ingest.events.SCHEMA` for all rows since the last time."""
        table = _Table()
        places = ctypes.addressof(table.schema), ctypes.addressof(table.array)
        self._library.reading_take(self._columns, *places)
        try:
            return pl.Series(table).struct.unnest()
        finally:
            self._library.reading_release(*places)  # Polars takes the array away, and leaves the schema


@cache
def compiled_reader() -> Callable[[], Reading] | None:
    """Makes readings by what was compiled with the package; None where that isn't there, or of another version."""
    for name in _NAMES:
        if (_HERE / name).exists():
            library = ctypes.CDLL(str(_HERE / name))
            _declare(library)
            return partial(Reading, library) if library.reader_version() == _VERSION else None
    return None


def _declare(library: ctypes.CDLL) -> None:
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64
    for name, answer, arguments in (
        ("reader_version", number, ()),
        ("reading_new", pointer, ()),
        ("reading_free", None, (pointer,)),
        ("reading_add", number, (pointer, ctypes.c_char_p, pointer, size, pointer)),
        ("reading_take", None, (pointer, pointer, pointer)),
        ("reading_release", None, (pointer, pointer)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = answer, arguments


def _wanted(values: Sequence[bytes | None], max_bytes: int) -> Sequence[bytes]:
    """The values, those that are not to be looked into as empty ones, which are left."""
    if all(values) and max(map(len, values), default=0) <= max_bytes:  # type: ignore[arg-type]  # no None is left
        return values  # type: ignore[return-value]
    return [value if value and len(value) <= max_bytes else b"" for value in values]


class _Schema(ctypes.Structure):
    """Room for an ArrowSchema of the Arrow C data interface."""

    _fields_ = (("room", ctypes.c_void_p * 9),)


class _Array(ctypes.Structure):
    """Room for an ArrowArray."""

    _fields_ = (("room", ctypes.c_void_p * 10),)


class _Table:
    """A struct array that Polars takes over, through the Arrow PyCapsule interface."""

    def __init__(self) -> None:
        self.schema, self.array = _Schema(), _Array()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        """See the Arrow PyCapsule interface."""
        return (
            _capsule(ctypes.addressof(self.schema), b"arrow_schema", None),
            _capsule(ctypes.addressof(self.array), b"arrow_array", None),
        )


_capsule: Final = ctypes.pythonapi.PyCapsule_New
_capsule.restype = ctypes.py_object
_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
