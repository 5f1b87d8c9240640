"""The event loop that all share who have none of their own."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterable, Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, TypeVar

from netpoll.aio import inward
from netpoll.aio.loop import CLOSE_INSTEAD, Loop, refuse_in_a_loop

T = TypeVar("T")

_lock = threading.Lock()
_shared = Loop()


def _loop() -> Loop:
    global _shared  # noqa: PLW0603 - there is one for the process, and another after a close
    with _lock:
        if _shared.closed:
            _shared = Loop()
        return _shared


def run(awaitable: Awaitable[T], *, timeout: float | None = None) -> T:
    """Run a coroutine on an event loop in another thread and return its result; parks.

    Raises what the coroutine raises. It runs as a task, in a copy of the caller's contextvars
    context. When the goroutine is cancelled, or `timeout` seconds are over (ScopeTimeout, a
    TimeoutError), the task is cancelled and its end waited for, however long that takes: what it
    has open it can close. A result that it brings all the same is returned, and the cancellation
    comes up at the next park. So it is with Ctrl-C, which is raised whatever the task brings; a
    second one does not wait any more.

    Any thread; RuntimeError on one that runs an event loop. Any awaitable will do that belongs to
    no other loop. The loop is one for the whole process: it begins with the first call, and in a
    forked child it is a new one.
    """
    return _loop().run(awaitable, timeout=timeout)


def enter(manager: AbstractAsyncContextManager[T, Any]) -> AbstractContextManager[T]:
    """Return a context manager for `with` that enters an async one on the event loop; parks.

    From its beginning to its end it is in one task, and sees the exceptions of the block, a
    cancellation as asyncio's own. Leaving is not cut short by a cancellation.
    """
    return _loop().enter(manager)


def iterate(items: AsyncIterable[T]) -> Iterator[T]:
    """Iterate over an async iterable on the event loop; each step parks.

    It is one task, begun with the first step. Where the iteration is left before its end the task
    is cancelled, an async generator closed, and the end of both waited for.
    """
    return _loop().iterate(items)


def close() -> None:
    """End the shared event loop, as `Loop.close` does, and the thread of `to_async`; parks.

    For programs that want nothing to be left; the next call begins others.
    """
    refuse_in_a_loop(CLOSE_INSTEAD)
    _shared.close()
    inward.close()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
