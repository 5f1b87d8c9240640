"""Loop: an asyncio event loop on a thread of its own.

    a loop     its thread        a coroutine given to it
    new        none              begins the thread
    turning    runs the loop     becomes a task
    closing    cancels tasks     is refused
    closed     none              is refused

In a child of a fork it is new again: thread and tasks are the parent's.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Self, TypeVar

from netpoll._runtime import lifecycle
from netpoll._runtime.latch import check_cancelled
from netpoll._runtime.scope import timeout as time_limit
from netpoll.aio.errand import Errand, closed
from netpoll.aio.turning import Turning
from netpoll.aio.visit import Stay, Telling

T = TypeVar("T")

CLOSE_INSTEAD = "await asyncio.to_thread(close), or close it where no loop runs"

_loops: weakref.WeakSet[Loop] = weakref.WeakSet()
"""All that there are."""


class Loop:
    """An event loop of asyncio on a thread of its own; `aio.run` and the like use a shared one.

    The thread begins with the first call. `loop_factory` makes the loop, as for asyncio.Runner:
    `uvloop.new_event_loop`, say. Any thread may use it, except its own. Closed by `close` or at the
    end of a `with`.
    """

    def __init__(
        self, *, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    ) -> None:
        self._factory = loop_factory or asyncio.new_event_loop
        self._lock = threading.Lock()
        self._turning: Turning | None = None
        self.closed = False
        _loops.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, awaitable: Awaitable[T], *, timeout: float | None = None) -> T:
        """Run a coroutine on this loop and return its result; see `aio.run`."""
        errand = Errand(_coroutine(awaitable))
        with time_limit(timeout):
            result = errand.outcome(self._send)
        return result  # noqa: RET504 - inside, the type checker takes the scope to swallow

    def enter(self, manager: AbstractAsyncContextManager[T, Any]) -> AbstractContextManager[T]:
        """Enter an async context manager from blocking code; see `aio.enter`."""
        return Stay(manager).between(self._send)

    def iterate(self, items: AsyncIterable[T]) -> Iterator[T]:
        """Iterate over an async iterable from blocking code; see `aio.iterate`."""
        return Telling(items).heard(self._send)

    def _send(self, errand: Errand[Any]) -> None:
        """Give the loop a coroutine to run."""
        refuse_in_a_loop()
        check_cancelled()
        self._begun().take(errand)

    def _begun(self) -> Turning:
        with self._lock:
            if self.closed:
                raise closed()
            if self._turning is None:
                turning = Turning(self._factory())
                # First: a thread that has begun is one that `close` ends.
                self._turning = turning
                try:
                    turning.thread.start()
                except BaseException:
                    self._turning = None
                    turning.give_up()
                    raise
            return self._turning

    def close(self) -> None:
        """Cancel what runs on the loop, wait for its end, and end the thread; parks.

        Whoever waits for a coroutine of it gets what that brings, or a RuntimeError. A second call
        waits, too, and does nothing else.
        """
        refuse_in_a_loop(CLOSE_INSTEAD)
        turning = self.begin_to_close()
        if turning is not None:
            turning.ended.wait()

    def begin_to_close(self, *, unheard: bool = False) -> Turning | None:
        """Have the loop end without waiting for it; return what is to end, if it has begun."""
        with self._lock:
            self.closed = True
            turning = self._turning
        if turning is not None:
            turning.end(unheard=unheard)
        return turning

    def renew(self) -> None:
        """Have no thread, in a child of a fork."""
        self._lock = threading.Lock()
        # The parent's is left alone, and never freed: its thread, which is gone, has it on its
        # stack. To close it would take its descriptors from the poller, which is the parent's too.
        self._turning = None


def refuse_in_a_loop(instead: str = "use await") -> None:
    """Raise the RuntimeError of those who would have an event loop wait for itself."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(f"an event loop runs on this thread and would stand still: {instead}")


def _check_awaitable(given: Any) -> None:
    if isinstance(given, Awaitable):
        return
    if callable(given):
        raise TypeError("aio.run() needs a coroutine or another awaitable, no function: call it")
    raise TypeError(f"aio.run() needs a coroutine or another awaitable, not {type(given).__name__}")


def _coroutine(awaitable: Awaitable[T]) -> Coroutine[Any, Any, T]:
    _check_awaitable(awaitable)
    return awaitable if isinstance(awaitable, Coroutine) else _awaiting(awaitable)


async def _awaiting(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _after_fork() -> None:
    for loop in list(_loops):
        loop.renew()


def _at_exit() -> None:
    # First the goroutines: they have their coroutines end, and for that the loops have to run.
    lifecycle.end_own()
    ending = [loop.begin_to_close(unheard=True) for loop in list(_loops)]
    for turning in ending:
        if turning is not None:
            turning.thread.join(lifecycle.GRACE)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
