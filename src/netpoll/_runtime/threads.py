"""Functions that block, on threads of their own: what Go does with a system call that blocks.

A call goes to an idle thread, or to a new one while there are fewer than the pool may have; a
thread that has been idle for a while leaves. The threads are daemons: a name server that does not
answer does not hold up the end of the interpreter. What happens to a call and to a thread, step by
step, stands in calls.pyx.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Generic, ParamSpec, Self, TypeVar

from netpoll._runtime import lifecycle
from netpoll._runtime.calls import Crew, Hand, serve

P = ParamSpec("P")
T = TypeVar("T")

MOST = 256
LINGER = 10.0

_pools: weakref.WeakSet[Crew] = weakref.WeakSet()
"""All that there are."""


class Disposing(Generic[P, T]):
    """A function, and what becomes of its result when nobody waits for that any more."""

    __slots__ = ("dispose", "fn")

    def __init__(self, fn: Callable[P, T], dispose: Callable[[T], object]) -> None:
        self.fn = fn
        self.dispose = dispose

    def __repr__(self) -> str:
        return f"<Disposing {self.fn!r}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.fn(*args, **kwargs)


def _disposal(fn: Callable[..., T]) -> Callable[[T], object] | None:
    return fn.dispose if isinstance(fn, Disposing) else None


def _start_thread(hand: Hand) -> None:
    """Begin a thread that serves as this hand. RuntimeError if the system has none."""
    thread = threading.Thread(target=serve, args=(hand,), name="netpoll-blocking", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        # Since Python 3.12 none can be started once the main thread has come to its end.
        if threading.main_thread().is_alive():
            raise
        # Its kind is PythonFinalizationError since 3.13.
        text = "blocking() can start no thread: the interpreter is shutting down"
        raise type(error)(text) from None


class BlockingPool(Crew):
    """Threads for functions that block: at most `max_threads`, each begun when it is needed.

    One that has had nothing to do for `idle_timeout` seconds (None: for ever) leaves. Any thread
    may call. A pool of its own keeps calls that may hang from those of `blocking`. ValueError for
    a limit below one. Closed by `close` or at the end of a `with`; one that is forgotten loses its
    threads as they become idle, unless they stay for ever.

    threads, idle, queued: how many threads there are, how many of these have nothing to do, and
    how many calls wait for one.
    """

    def __init__(self, max_threads: int = MOST, *, idle_timeout: float | None = LINGER) -> None:
        if max_threads < 1:
            raise ValueError("a pool needs at least one thread")
        if idle_timeout is not None and not idle_timeout >= 0:
            raise ValueError("a timeout is a number of seconds, and not negative")
        super().__init__(_start_thread)
        self.max_threads = max_threads
        self.limit(max_threads, idle_timeout)
        _pools.add(self)

    def __repr__(self) -> str:
        counts = f"{self.threads} of {self.max_threads} threads, {self.idle} idle"
        return f"<BlockingPool {counts}, {self.queued} queued{' closed' * self.closed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(*args, **kwargs)` on one of the threads and return its result; see `blocking`.

        RuntimeError if the pool is closed.
        """
        lifecycle.check_plain("call", fn)
        return self.run(fn, args, kwargs, _disposal(fn))


_pool = BlockingPool()


def _after_fork() -> None:
    for pool in list(_pools):
        pool.renew()


os.register_at_fork(after_in_child=_after_fork)


def blocking(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `fn(*args, **kwargs)` on a thread and return its result; parks, the others go on.

    Raises what fn raises. In a copy of the caller's contextvars context. When the goroutine is
    cancelled, or its time is over, the wait ends at once and the thread goes on alone: what fn then
    returns or raises is dropped, and if that would leave something open, fn is one made by
    `from_thread.disposing`. It can ask `from_thread.abandoned()` whether to go on. A function that
    has not begun by then never does.

    Goroutines that fn starts and does not join are those of its thread: cancelled when it
    returns, reported after a grace period (5 s) if they have not ended; the caller does not wait
    for that. To use those of the caller's thread there is `from_thread.run`. At most 256 run at
    once, the others wait for their turn. TypeError for an `async def`. RuntimeError if no thread
    can be had, as at the interpreter's end since Python 3.12.

    Source: go1.27 runtime/proc.go entersyscallblock (a system call that blocks leaves its M).
    """
    lifecycle.check_plain("blocking", fn)
    return _pool.run(fn, args, kwargs, _disposal(fn))
