"""The other way: blocking-style code for coroutines, as goroutines of a thread of the runtime.

a visit    in the goroutine                   the coroutine that waits for it
sent       is to begin                        waits; cancelled: cancels the goroutine, waits on
running    runs; cancelled: each park raises  waits, likewise
ended      -                                  has the outcome
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar

from netpoll._runtime import lifecycle
from netpoll._runtime.goroutine import Goroutine, current
from netpoll._runtime.latch import Latch, check_cancelled
from netpoll._runtime.permits import park, ready
from netpoll._runtime.scope import cancel_scope
from netpoll.errors import Cancelled
from netpoll.from_thread import Entrance, entrance

P = ParamSpec("P")
T = TypeVar("T")

NAME = "netpoll-host"


def to_async(fn: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return an async function for asyncio that runs blocking-style fn as a goroutine.

    The goroutines are those of one thread of the runtime, shared by all: thousands at a time are
    cheap, one that computes holds up the others. Each runs in a copy of its task's contextvars
    context. When the task is cancelled, so is the goroutine, and its end is waited for; its result
    is lost then, an exception it raises takes the place of the cancellation. Usable as a decorator.
    TypeError for an `async def`.
    """
    lifecycle.check_plain("to_async", fn)

    @functools.wraps(fn)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return await Visit(functools.partial(fn, *args, **kwargs)).outcome()

    return call


class Visit(Generic[T]):
    """A function that runs as a goroutine for a coroutine."""

    def __init__(self, fn: Callable[[], T]) -> None:
        self._fn = fn
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        # Not by Goroutine.cancel: one that has not begun would never say that it has ended.
        self._scope = cancel_scope()
        self._result: T
        self._exception: BaseException | None = None

    # ---- in the goroutine

    def work(self) -> None:
        """Run the function, and have the coroutine hear of its end."""
        try:
            with self._scope:
                check_cancelled()
                self._result = self._fn()
        except BaseException as exception:  # noqa: BLE001 - the coroutine raises it
            self._exception = exception
        self.end()

    def fail(self, exception: BaseException) -> None:
        """End a visit whose goroutine cannot."""
        self._exception = exception
        self.end()

    def end(self) -> None:
        """Have the coroutine hear of the end. Any thread."""
        del self._fn
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits
            self._loop.call_soon_threadsafe(self._arrive)

    # ---- in the event loop

    def _arrive(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    async def outcome(self) -> T:
        """Start the goroutine; return the function's result or raise its exception."""
        _host().receive(self)
        ours: asyncio.CancelledError | None = None
        while not self._ended.done():
            try:
                await asyncio.wait([self._ended])
            except asyncio.CancelledError as exception:
                ours = exception
                self._scope.cancel()
        return self._taken(ours)

    def _taken(self, ours: asyncio.CancelledError | None) -> T:
        exception, self._exception = self._exception, None
        try:
            if isinstance(exception, Cancelled):
                raise _ended() from exception
            if exception is not None:
                raise exception
            if ours is not None:
                raise ours
        finally:
            del exception, ours  # their tracebacks refer to this frame
        return self._result


class Host:
    """The thread whose goroutines do the work, from its beginning to its end."""

    _entrance: Entrance
    _main: Goroutine

    def __init__(self) -> None:
        self.ended = Latch("the end of a thread")
        self._visits: set[Visit[Any]] = set()
        self._closing = False
        self._begun = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def begin(self) -> None:
        """Begin the thread; RuntimeError, with the cause, if it cannot run goroutines."""
        self._thread.start()
        self._begun.wait()
        if self._failure is not None:
            raise RuntimeError("the thread of to_async() cannot begin") from self._failure

    def _run(self) -> None:
        try:
            lifecycle.run(self._stay)
        except BaseException as exception:
            if self._begun.is_set():
                raise
            self._failure = exception
        finally:
            self._begun.set()
            for visit in list(self._visits):
                visit.fail(_ended())
            self.ended.open()

    def _stay(self) -> None:
        self._entrance = entrance()
        self._main = current()
        self._begun.set()
        while not self._closing:
            park()

    def receive(self, visit: Visit[Any]) -> None:
        """Have a visit begin. Any thread."""
        self._visits.add(visit)
        try:
            self._entrance.go(self._serve, visit)
        except BaseException:
            self._visits.discard(visit)
            raise

    def _serve(self, visit: Visit[Any]) -> None:
        visit.work()
        self._visits.discard(visit)

    def begin_to_close(self) -> None:
        """Cancel the goroutines and end the thread, without waiting for it. Any thread."""
        self._closing = True
        if self._begun.is_set() and self._failure is None:  # else it sees that at its beginning
            ready(self._main)

    def join(self, patience: float) -> None:
        """Wait for the end of the thread; blocks."""
        self._thread.join(patience)


_lock = threading.Lock()
_hosts: list[Host] = []
"""The one that there is, once there is one."""


def _host() -> Host:
    with _lock:
        if not _hosts:
            host = Host()
            # First: one whose beginning is broken off ends in order, too.
            _hosts.append(host)
            try:
                host.begin()
            except BaseException:
                _hosts.clear()
                host.begin_to_close()
                raise
        return _hosts[0]


def close() -> None:
    """End the thread of the goroutines, if there is one; parks. The next call begins another."""
    for host in _closing():
        host.ended.wait()


def _closing() -> list[Host]:
    with _lock:
        hosts = _hosts.copy()
        _hosts.clear()
    for host in hosts:
        host.begin_to_close()
    return hosts


def _ended() -> RuntimeError:
    return RuntimeError("the thread of to_async() has ended")


def _at_exit() -> None:
    for host in _closing():
        host.join(lifecycle.GRACE)


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    _hosts.clear()


os.register_at_fork(after_in_child=_after_fork)
# Called after that of the shared loop, which is imported later: its coroutines may be waiting here.
atexit.register(_at_exit)
