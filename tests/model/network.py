"""What is asked of the store and the broker, on its way: sent, done over there, answered, each when the model says.

A request that its caller has given up, or whose caller is dead, may still arrive: those are `strays`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingest.errors import BrokerUnavailable, StoreUnavailable
from tests.model.stage import Stage


@dataclass(eq=False)
class Request:
    """One question or command. `perform` does it over there and returns the answer."""

    process: Any
    to: str  #: "store" or "broker"
    text: str
    perform: Callable[[], Any]
    performed: bool = False
    answered: bool = False
    answer: Any = None

    @property
    def is_put(self) -> bool:
        return self.text.startswith("put")


class Network:
    """All requests on their way. `outage`: the store is not reached at all."""

    def __init__(self, stage: Stage, note: Callable[[str], None]) -> None:
        self._stage, self._note = stage, note
        self.pending: list[Request] = []
        self.strays: list[Request] = []
        self.outage = False

    def ask(self, process: Any, to: str, text: str, perform: Callable[[], Any]) -> Any:
        """From an actor: send, and wait for what the model makes of it."""
        request = Request(process, to, text, perform)
        self.pending.append(request)
        self._stage.pause(text, lambda: request.answered)
        if isinstance(request.answer, Exception):
            raise request.answer
        return request.answer

    def perform(self, request: Request) -> None:
        """It arrives and is done. The caller does not know yet."""
        if not request.performed:
            request.answer, request.performed = request.perform(), True

    def serve(self, request: Request) -> None:
        """It is done and answered, or fails as a whole."""
        if self.outage and request.to == "store" and not request.performed:
            return self.refuse(request)
        self.perform(request)
        return self._answer(request, request.answer)

    def refuse(self, request: Request) -> None:
        """It fails before anything is done."""
        request.performed = True
        self._answer(request, _failure(request))

    def give_up(self, request: Request) -> None:
        """The caller hears nothing in time. It may have been done already, or be done later."""
        self._stray(request)
        self._note(f"{request.process}: no answer to {request.text}{' (it is done)' if request.performed else ''}")
        self._answer(request, _failure(request))

    def repeat(self, request: Request) -> None:
        """The client library sends it twice, and hears the second answer only."""
        self.perform(request)
        self._note(f"{request.process}: {request.text} is sent twice")
        self._answer(request, request.perform())

    def taken(self, request: Request) -> None:
        """The store answers that the key is taken, which may not be so; the request may arrive yet."""
        self._stray(request)
        self._note(f"{request.process}: {request.text}: 'taken', says the store")
        self._answer(request, False)

    def arrive(self, request: Request) -> None:
        """A stray arrives after all."""
        self.strays.remove(request)
        self._note(f"a stray of {request.process} arrives: {request.text}")
        request.perform()

    def leave(self, process: Any) -> None:
        """The process is dead: its commands may still arrive."""
        for request in [one for one in self.pending if one.process is process]:
            self.pending.remove(request)
            self._stray(request)

    def _stray(self, request: Request) -> None:
        """It is on its way without anybody who waits for it."""
        if request.is_put and not request.performed:
            self.strays.append(Request(request.process, request.to, request.text, request.perform))

    def _answer(self, request: Request, answer: Any) -> None:
        self.pending.remove(request)
        request.answer, request.answered = answer, True


def _failure(request: Request) -> Exception:
    kind = StoreUnavailable if request.to == "store" else BrokerUnavailable
    return kind(f"no answer to {request.text}")
