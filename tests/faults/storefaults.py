"""What stores and the networks before them do to a request: the faults of `tests.services.proxy`, by name."""

from __future__ import annotations

import time
from typing import Final

from tests.services.proxy import Exchange, Fault, Happening

_ALL: Final = ("PUT", "HEAD", "LIST")
_PUT: Final = ("PUT",)
_SLOW: Final = 1.5  # seconds: longer than the client waits before it asks again, mostly
_HANGING: Final = 35.0  # longer than the client waits for an answer


def _says(status: int, code: str) -> Happening:
    return lambda exchange: exchange.answer(status, code)


def _slow(exchange: Exchange) -> None:
    time.sleep(_SLOW)
    exchange.send(exchange.forward())


def _half_request(exchange: Exchange) -> None:
    exchange.receive(0.5)
    exchange.cut()


def _half_response(exchange: Exchange) -> None:
    exchange.send(exchange.forward(), share=0.5)


def _response_lost(exchange: Exchange) -> None:
    exchange.forward()
    exchange.cut()


def _error_though_done(exchange: Exchange) -> None:
    exchange.forward()
    exchange.answer(500, "InternalError")


def _delivered_later(exchange: Exchange) -> None:
    """The client is told that it failed; the store hears of it when the client has gone on."""
    exchange.answer(503, "SlowDown", last=True)
    time.sleep(_SLOW)
    exchange.forward()


def _hangs_though_done(exchange: Exchange) -> None:
    exchange.forward()
    time.sleep(_HANGING)
    exchange.cut()


SPURIOUS_412: Final = Fault("412 without an object", _says(412, "PreconditionFailed"), _PUT)
EXPIRED: Final = Fault("400 expired credentials", _says(400, "ExpiredToken"), _ALL)
DENIED: Final = Fault("403 access denied", _says(403, "AccessDenied"), _ALL)
HANGS: Final = Fault("no answer for 35 s, though done", _hangs_though_done, _PUT)
RESPONSE_LOST: Final = Fault("response lost", _response_lost, _PUT)
UNAVAILABLE: Final = Fault("503", _says(503, "SlowDown"), _ALL)

#: Every fault that comes and goes within a request's own time.
USUAL: Final = (
    Fault("500", _says(500, "InternalError"), _ALL),
    UNAVAILABLE,
    Fault("429", _says(429, "TooManyRequests"), _ALL),
    Fault("409", _says(409, "ConditionalRequestConflict"), _PUT),
    DENIED,
    EXPIRED,
    SPURIOUS_412,
    Fault("slow", _slow, _ALL),
    Fault("connection reset", Exchange.cut, _ALL),
    Fault("half a request", _half_request, _PUT),
    Fault("half a response", _half_response, _ALL),
    RESPONSE_LOST,
    Fault("500 though done", _error_though_done, _PUT),
    Fault("503, delivered later", _delivered_later, _PUT),
)
