"""Health and metrics of this process over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from ingest import __version__
from ingest.cli.wiring import SystemClock

if TYPE_CHECKING:
    from ingest.endpoint import Page
    from ingest.health import Reason, Verdict
    from ingest.load import Progress as Loaded
    from ingest.metrics import Board
    from ingest.monitor import Monitor
    from ingest.settings import Settings


@contextmanager
def consumer_served(settings: Settings, port: int) -> Iterator[Monitor]:
    """Serve the consumer's health and metrics on `port` (0: nowhere); answers whom the consumer is to tell.

    Raises `SettingsError` if the port can't be had.
    """
    from ingest.monitors import Monitors

    if not port:
        yield Monitors()
        return
    from ingest.health import judge
    from ingest.meters import ConsumerMeter
    from ingest.metrics import Board
    from ingest.progress import Progress

    board, now = Board(), SystemClock().monotonic()
    progress, meter = Progress(now), ConsumerMeter(board, now)
    patience = settings.stuck_after_seconds
    with _served(settings, port, board, meter.refresh, lambda now: judge(progress.run(), now, patience)):
        yield Monitors(progress, meter)


@contextmanager
def loader_served(settings: Settings, port: int, interval: float) -> Iterator[Callable[[Loaded], None]]:
    """Serve a following loader's health and metrics on `port` (0: nowhere); answers whom the loader is to tell."""
    if not port:
        yield lambda line: None
        return
    from ingest.loading import LoadWatch
    from ingest.metrics import Board

    board, clock = Board(), SystemClock()
    watch = LoadWatch(board, interval, clock.monotonic())
    patience = settings.stuck_after_seconds
    with _served(settings, port, board, watch.refresh, lambda now: watch.judge(now, patience)):
        yield lambda line: watch.heard(line, clock.monotonic())


@contextmanager
def _served(
    settings: Settings,
    port: int,
    board: Board,
    refresh: Callable[[float], None],
    judged: Callable[[float], Verdict],
) -> Iterator[None]:
    import structlog

    from ingest.endpoint import Endpoint

    with Endpoint(settings.http_host, port, _pages(board, refresh, judged)):
        log = structlog.get_logger("ingest.endpoint")
        log.info("endpoint_open", host=settings.http_host, port=port)
        yield


def _pages(
    board: Board, refresh: Callable[[float], None], judged: Callable[[float], Verdict]
) -> Mapping[str, Callable[[], Page]]:
    from ingest.endpoint import Page
    from ingest.meters import ProcessMeter

    clock = SystemClock()
    process = ProcessMeter(board, __version__, clock.now())

    def metrics() -> Page:
        now = clock.monotonic()
        process.judged({reason.reason for reason in judged(now).health})
        refresh(now)
        return Page(HTTPStatus.OK, board.content_type, board.text())

    return {
        "/health": lambda: _answer(judged(clock.monotonic()).health),
        "/livez": lambda: _answer(judged(clock.monotonic()).live),
        "/readyz": lambda: _answer(judged(clock.monotonic()).ready),
        "/metrics": metrics,
    }


def _answer(reasons: tuple[Reason, ...]) -> Page:
    from ingest.endpoint import json_page

    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    told = [reason.to_json() for reason in reasons]
    return json_page(status, {"status": "failing" if reasons else "ok", "reasons": told})
