"""An errand: a coroutine on the loop's thread, and the goroutine that waits for its end.

    an errand   in the loop's thread             the goroutine
    sent        is to become a task              waits; cancelled: asks for the stop, and waits on
    running     a task; asked to stop: that is   waits, likewise
                cancelled, once
    ended       -                                has the outcome

The coroutine is cancelled once, as asyncio does it: what it awaits to clean up is not cut short.
Nothing is left running behind the caller's back.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from netpoll._runtime.latch import Latch
from netpoll._runtime.scope import shield
from netpoll.errors import Cancelled

T = TypeVar("T")


def _nothing() -> None:
    pass


class Errand(Generic[T]):
    """One coroutine to be run by a loop, in a copy of the caller's contextvars context."""

    loop_ends = False
    """Set when the loop is closed under the task."""
    unheard = False
    """Set when the interpreter ends: whoever still waits is on a daemon thread, and stays there."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, T],
        at_end: Callable[[], None] = _nothing,
    ) -> None:
        self.ended = Latch("a coroutine")
        self._loop = loop
        self._coroutine: Coroutine[Any, Any, T] | None = coroutine
        self._at_end = at_end
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[T] | None = None
        self._result: T
        self._exception: BaseException | None = None

    # ---- in the loop's thread

    def begin(self) -> asyncio.Task[T] | None:
        """Make the coroutine a task of the running loop; None if it was refused."""
        coroutine, self._coroutine = self._coroutine, None
        if coroutine is None:
            return None
        self._task = self._loop.create_task(coroutine, context=self._context)
        self._task.add_done_callback(self._end)
        return self._task

    def stop(self) -> None:
        """Cancel the task, which has begun: the loop keeps the order of what it is asked for."""
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[T]) -> None:
        self._task = None
        try:
            self._result = task.result()
        except asyncio.CancelledError as exception:
            self._exception = exception
            if self.loop_ends:
                self._exception = closed()
                self._exception.__cause__ = exception
        except BaseException as exception:  # noqa: BLE001 - the goroutine raises it
            self._exception = exception
        self._arrive()

    def refuse(self, exception: BaseException) -> None:
        """End an errand whose coroutine will not run, or not run on. Any thread."""
        if self.ended.opened:
            return
        coroutine, self._coroutine = self._coroutine, None
        if coroutine is not None:
            coroutine.close()
        self._exception = exception
        self._arrive()

    def _arrive(self) -> None:
        if not self.unheard:
            self.ended.open()
            self._at_end()

    # ---- in the goroutine

    def outcome(self) -> T:
        """Wait for the end; return the coroutine's result or raise its exception."""
        try:
            self.ended.wait()
        except BaseException as ours:  # noqa: BLE001 - raised there, unless there is a result
            return self.called_off(ours)
        return self.taken()

    def called_off(self, ours: BaseException) -> T:
        """Cancel the coroutine because of `ours`, wait for its end, and raise what is to be raised.

        A result that it brings all the same is returned, if `ours` is what comes up again at the
        next park.
        """
        self.call(self.stop)
        with shield():
            self.ended.wait()
        if not isinstance(ours, Cancelled):
            raise ours
        try:
            return self.taken()
        except asyncio.CancelledError:
            raise ours from None

    def call(self, fn: Callable[..., object], *args: object) -> None:
        """Have the loop call a function. Any thread."""
        try:
            self._loop.call_soon_threadsafe(fn, *args)
        except RuntimeError:
            return  # the loop is closed, and so the errand ended

    def taken(self) -> T:
        """Return the result of a coroutine that has ended, or raise its exception."""
        exception, self._exception = self._exception, None
        if exception is None:
            return self._result
        try:
            raise exception
        finally:
            del exception  # its traceback refers to this frame


def closed() -> RuntimeError:
    """Return the error of those whose loop has been closed."""
    return RuntimeError("the event loop is closed")
