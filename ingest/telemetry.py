"""Logs: events with names, one JSON object a line off a terminal, readable on one."""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog

_LEVELS: Final = logging.getLevelNamesMapping()


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
