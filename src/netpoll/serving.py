"""serve_until_signal: a server from its first connection to its orderly end.

    phase       ends with                                    then
    serving     a signal, or every listener closed           no more is accepted
    grace       no handler left, or grace over, or a         the handlers left are cancelled
                second signal
    cancelling  no handler left, or 5 s over                 the result

Source: go1.27 net/http/server.go (*Server).Shutdown, with os/signal
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from signal import SIGINT, SIGTERM
from typing import Any, cast

from netpoll._runtime.goroutine import Goroutine, current, go, gosched
from netpoll._runtime.scope import shield, timeout
from netpoll.errors import ClosedError, ScopeTimeout
from netpoll.net.listener import Listener
from netpoll.signals import notify
from netpoll.sync.after import after
from netpoll.sync.chan import Chan
from netpoll.sync.select import select

_PATIENCE = 5.0
"""Seconds that cancelled handlers have to end, as those that are left when a run ends."""


@dataclass(frozen=True, slots=True)
class Served:
    """How a server came to its end.

    signal: what ended it, None if all of its listeners were closed.
    served: how many handlers were called.
    finished: how many handlers that still ran then have ended by themselves.
    cancelled: how many had to be cancelled.
    """

    signal: int | None
    served: int
    finished: int
    cancelled: int


def serve_until_signal(
    listener: Listener | Iterable[Listener],
    handler: Callable[[Any], object],
    *,
    grace: float | None = 10.0,
    signals: Iterable[int] = (SIGINT, SIGTERM),
    limit: int | None = None,
) -> Served:
    """Call `handler(conn)` in a goroutine for each peer until a signal comes, then end in order.

    At the first signal the listeners are closed, and the handlers have `grace` seconds to end, None
    for as long as they take; those left are cancelled, at once if a second signal comes. Then it
    returns. A connection is closed when its handler ends. What a handler raises goes to excepthook
    and ends nothing else. limit: so many handlers at the same time; one more peer of each listener
    is let in and waits, the others wait in the listeners' queues.

    Parks; the caller's cancellation cancels the handlers. One listener or several; they are closed
    when it returns or raises. Closing them all from elsewhere has the effect of a signal. An error
    of accept is raised at the end, with its handlers ended likewise. RuntimeError as
    signals.notify: it is for the main thread, unless somebody is told of these signals already.
    Source: go1.27 net/http/server.go (*Server).Serve, Shutdown
    """
    # A listener can be iterated as well: over its connections.
    one_alone = hasattr(listener, "accept")
    listeners: list[Any] = [listener] if one_alone else list(cast("Iterable[Any]", listener))
    with ExitStack() as stack:
        for one in listeners:
            stack.callback(one.close)
        if limit is not None and limit < 1:
            raise ValueError("the limit has to be one connection at least")
        arrived = stack.enter_context(notify(Chan[int](2), *signals))
        server = _Server(listeners, handler, limit)
        try:
            result = server.serve(arrived, grace)
        except BaseException:
            server.cancel()
            raise
    if server.failure is not None:
        raise server.failure
    return result


class _Server:
    """The goroutines of one server."""

    def __init__(
        self, listeners: list[Any], handler: Callable[[Any], object], limit: int | None
    ) -> None:
        self.failure: OSError | None = None
        self._handler = handler
        self._places = None if limit is None else Chan[None](limit)
        self._listeners = listeners
        self._acceptors: list[Goroutine[None]] = []
        self._accepting = 0
        self._served = 0
        self._handlers: dict[Goroutine[None], Any] = {}  # and their connections
        self._change = Chan[None](1)  # tells that a goroutine has ended

    def serve(self, arrived: Chan[int], grace: float | None) -> Served:
        """Serve to the end."""
        for listener in self._listeners:
            self._acceptors.append(go(self._accept, listener))
            self._accepting += 1
        number = self._wait_for_signal(arrived)
        self._stop_accepting()
        at_signal = len(self._handlers)
        self._wait_for_handlers(arrived, grace)
        left = len(self._handlers)
        self.cancel()
        return Served(number, self._served, at_signal - left, left)

    def cancel(self) -> None:
        """End everything without grace, whoever cancels this goroutine meanwhile."""
        with suppress(ScopeTimeout), shield(), timeout(_PATIENCE):
            self._stop_accepting()
            for goroutine in self._handlers:
                goroutine.cancel()
            gosched()
            self._forget_those_who_never_began()
            while self._handlers:
                self._change.recv()

    # -- accepting

    def _accept(self, listener: Any) -> None:
        try:
            while True:
                self._start(listener.accept())
        except ClosedError:
            pass
        except OSError as error:
            self.failure = self.failure or error
        finally:
            self._accepting -= 1
            self._change.try_send(None)

    def _start(self, conn: Any) -> None:
        try:
            # Not before accept: one listener would keep a place for nobody from the others.
            if self._places is not None:
                self._places.send(None)
            self._handlers[go(self._handle, conn)] = conn
        except BaseException:
            conn.close()
            raise
        self._served += 1

    def _stop_accepting(self) -> None:
        for listener in self._listeners:
            listener.close()
        for goroutine in self._acceptors:
            goroutine.cancel()
        # One that has just got a connection goes on with it.
        with shield():
            for goroutine in self._acceptors:
                with suppress(Exception):
                    goroutine.join()

    # -- handling

    def _handle(self, conn: Any) -> None:
        try:
            with conn:
                self._handler(conn)
        finally:
            self._handlers.pop(current(), None)
            if self._places is not None:
                self._places.try_recv()
            self._change.try_send(None)

    def _forget_those_who_never_began(self) -> None:
        for goroutine, conn in list(self._handlers.items()):
            if goroutine.done:
                conn.close()
                del self._handlers[goroutine]

    # -- waiting

    def _wait_for_signal(self, arrived: Chan[int]) -> int | None:
        """Wait for a signal and return it, None if there is nobody left who accepts."""
        while self._accepting:
            case, number, _ = select(arrived.recv, self._change.recv)
            if case == 0:
                came: int = number
                return came
        return None

    def _wait_for_handlers(self, arrived: Chan[int], grace: float | None) -> None:
        over = None if grace is None else after(grace)
        while self._handlers:
            case, _, _ = select(self._change.recv, arrived.recv, over)
            if case != 0:
                return
