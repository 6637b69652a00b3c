"""Logs: events with names, one JSON object a line off a terminal, readable on one.

Whatever libraries log by Python's own means (librdkafka, urllib3, warnings) and whatever ends a thread comes as such
events too, so that every line can be read by the same program. Never a payload or a learner's id: an exception that
is not ours is told by its kind and place, for its text may quote what it choked on.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from typing import Final

import structlog

from ingest.errors import IngestError

LOG: Final = structlog.get_logger("ingest")
_LEVELS: Final = logging.getLevelNamesMapping()
_CLIENT: Final = "ingest.librdkafka"
_WINDOW: Final = 60.0  # seconds in which a library may log …
_MOST: Final = 5  # … so many lines of one kind,
_MOST_OF_CLIENT: Final = 1  # … and of one facility of librdkafka: it repeats itself with other figures
CLIENT_LOG, LIBRARY_LOG = "client_log", "library_log"


def set_up_logs(level: str, form: str) -> None:
    """Send logs to stderr from `level` up; `form` is text, json, or auto (text on a terminal)."""
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _hear_libraries(_LEVELS[level])
    threading.excepthook = _thread_failed


def _hear_libraries(level: int) -> None:
    """Log what libraries log: warnings and worse, and from `level` up what the Kafka client says."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _Bridge):
            root.removeHandler(handler)
    root.addHandler(_Bridge())
    logging.getLogger(_CLIENT).setLevel(level)
    logging.captureWarnings(True)


class Sparing:
    """Lets `most` lines of one kind through in a minute; the first after it is told how many were dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._windows: dict[str, tuple[float, int]] = {}

    def dropped(self, kind: str, now: float) -> int | None:
        """How many lines of this kind were dropped before this one; None: this one is, too. `now` in seconds."""
        began, lines = self._windows.get(kind, (now, 0))
        before = 0
        if not 0 <= now - began < _WINDOW:  # the time of day may have been set back
            began, lines, before = now, 0, max(0, lines - self._most)
        self._windows[kind] = began, lines + 1
        return before if lines < self._most else None


class _Bridge(logging.Handler):
    """Turns the records of Python's own logging into events."""

    def __init__(self) -> None:
        super().__init__()
        self._sparing, self._sparing_of_client = Sparing(_MOST), Sparing(_MOST_OF_CLIENT)

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record, unless there were many of its kind."""
        event, level, kind, told = _event(record)
        sparing = self._sparing_of_client if event == CLIENT_LOG else self._sparing
        dropped = 0 if level < logging.INFO else sparing.dropped(kind, record.created)  # debug was asked for
        if dropped is None:
            return
        if dropped:
            told["dropped"] = dropped
        LOG.log(level, event, **told)


def _event(record: logging.LogRecord) -> tuple[str, int, str, dict[str, object]]:
    """The event's name, its level, its kind, and what it tells."""
    message: object
    if record.name == _CLIENT and isinstance(record.args, tuple) and len(record.args) == 3:
        facility, client, message = record.args
        # What the client calls an error it mends by itself, or it is raised where it matters.
        level = min(record.levelno, logging.WARNING)
        return CLIENT_LOG, level, str(facility), {"facility": facility, "client": client, "message": message}
    message = " ".join(record.getMessage().split())
    return LIBRARY_LOG, record.levelno, record.name, {"library": record.name, "message": message}


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """Log what ended a thread."""
    error = failure.exc_value
    if error is None or isinstance(error, SystemExit):
        return
    frames = traceback.extract_tb(error.__traceback__)
    LOG.error(
        "thread_failed",
        thread=failure.thread.name if failure.thread else None,
        error=str(error) if isinstance(error, IngestError) else type(error).__name__,
        where=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    )
