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
from netpoll._runtime.lifecycle import check_plain
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
    left: how many of those have not ended in 5 s, and still run.
    """

    signal: int | None
    served: int
    finished: int
    cancelled: int
    left: int = 0

    def __repr__(self) -> str:
        counts = f"served={self.served}, finished={self.finished}, cancelled={self.cancelled}"
        left = f", left={self.left}" if self.left else ""
        return f"Served(signal={self.signal!r}, {counts}{left})"


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
    returns, after 5 s even if some do not end: `Served.left`. A connection is closed when its
    handler ends. What a handler raises goes to excepthook and ends nothing else. limit: so many
    handlers at the same time; one more peer of each listener is let in and waits, the others wait
    in the listeners' queues.

    Parks; the caller's cancellation cancels the handlers. One listener or several; they are closed
    when it returns or raises. Closing them all from elsewhere has the effect of a signal. An error
    of accept is raised at the end, with its handlers ended likewise. RuntimeError as
    signals.notify: it is for the main thread, unless somebody is told of these signals already.
    TypeError for an `async def`.
    Source: go1.27 net/http/server.go (*Server).Serve, Shutdown
    """
    # A listener can be iterated as well: over its connections.
    one_alone = hasattr(listener, "accept")
    listeners: list[Any] = [listener] if one_alone else list(cast("Iterable[Any]", listener))
    with ExitStack() as stack:
        for one in listeners:
            if hasattr(one, "close"):
                stack.callback(one.close)
        _check(listeners, handler, grace, limit)
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


def _check(
    listeners: list[Any], handler: Callable[[Any], object], grace: float | None, limit: int | None
) -> None:
    """Refuse now what would come up when the signal has come."""
    for one in listeners:
        if not (hasattr(one, "accept") and hasattr(one, "close")):
            raise TypeError(f"serve_until_signal() needs listeners, not {one!r}")
    check_plain("serve_until_signal", handler)
    if grace is not None and not grace >= 0:
        raise ValueError("grace is a number of seconds, or None for as long as it takes")
    if limit is not None and limit < 1:
        raise ValueError("the limit has to be one connection at least")


class _Server:
    """The goroutines of one server."""

    def __init__(
        self, listeners: list[Any], handler: Callable[[Any], object], limit: int | None
    ) -> None:
        self.failure: Exception | None = None
        self._handler = handler
        self._name = getattr(handler, "__name__", None) or type(handler).__name__
        self._places = None if limit is None else Chan[None](limit)
        self._listeners = listeners
        self._no_more = False
        self._begun = self._ended = 0  # of the handlers
        self._new: dict[Goroutine[None], Any] = {}  # of both kinds; a handler's connection
        self._acceptors: set[Goroutine[None]] = set()
        self._handlers: set[Goroutine[None]] = set()
        self._change = Chan[None](1)  # tells that a goroutine has ended

    def serve(self, arrived: Chan[int], grace: float | None) -> Served:
        """Serve to the end."""
        for listener in self._listeners:
            acceptor = go(self._accept, listener)
            self._acceptors.add(acceptor)
            self._new[acceptor] = None
        number = self._wait_for_signal(arrived)
        ended = self._ended
        self._stop_accepting()
        self._wait_for_handlers(arrived, grace)
        finished, cancelled = self._ended - ended, self._begun - self._ended
        self.cancel()
        return Served(number, self._begun, finished, cancelled, len(self._handlers))

    def cancel(self) -> None:
        """End everything without grace, whoever cancels this goroutine meanwhile."""
        self._no_more = True
        with suppress(ScopeTimeout), shield(), timeout(_PATIENCE):
            self._stop_accepting()
            for goroutine in self._handlers:
                goroutine.cancel()
            self._drop_those_who_never_begin()
            while self._handlers or self._acceptors:
                self._change.recv()

    # -- accepting

    def _accept(self, listener: Any) -> None:
        self._new.pop(current(), None)
        try:
            while True:
                self._start(listener.accept())
        except ClosedError:
            pass
        except Exception as error:  # noqa: BLE001 - raised by who waits for the server
            self.failure = self.failure or error
        finally:
            self._acceptors.discard(current())
            self._change.try_send(None)

    def _start(self, conn: Any) -> None:
        try:
            # Not before accept: one listener would keep a place for nobody from the others.
            if self._places is not None:
                self._places.send(None)
            if self._no_more:
                conn.close()
                return
            handler = go(self._handle, conn)
            handler.name = f"{self._name}-{handler.id}"
        except BaseException:
            conn.close()
            raise
        self._handlers.add(handler)
        self._new[handler] = conn

    def _stop_accepting(self) -> None:
        """Let nobody else in. One acceptor that has just got a connection goes on with it."""
        for listener in self._listeners:
            listener.close()
        for goroutine in self._acceptors:
            goroutine.cancel()
        with shield():
            self._drop_those_who_never_begin()

    # -- handling

    def _handle(self, conn: Any) -> None:
        self._new.pop(current(), None)
        self._begun += 1
        try:
            with conn:
                self._handler(conn)
        finally:
            self._ended += 1
            self._handlers.discard(current())
            if self._places is not None:
                self._places.try_recv()
            self._change.try_send(None)

    def _drop_those_who_never_begin(self) -> None:
        """Wait for the end of those who were cancelled before their beginning: they do not tell."""
        while lost := [goroutine for goroutine in self._new if goroutine.cancelled]:
            gosched()
            for goroutine in lost:
                if goroutine.done and goroutine in self._new:
                    conn = self._new.pop(goroutine)
                    if conn is not None:
                        conn.close()
                    self._acceptors.discard(goroutine)
                    self._handlers.discard(goroutine)

    # -- waiting

    def _wait_for_signal(self, arrived: Chan[int]) -> int | None:
        """Wait for a signal and return it, None if there is nobody left who accepts."""
        while self._acceptors:
            case, number, _ = select(arrived.recv, self._change.recv)
            if case == 0:
                came: int = number
                return came
        return None

    def _wait_for_handlers(self, arrived: Chan[int], grace: float | None) -> None:
        over = None if grace is None else after(grace)
        while self._handlers or self._acceptors:
            case, _, _ = select(self._change.recv, arrived.recv, over)
            if case != 0:
                return
