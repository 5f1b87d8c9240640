"""An errand: a coroutine on the loop's thread, and the goroutine that waits for its end.

    an errand   in the loop's thread             the goroutine
    sent        is to become a task              waits; cancelled: asks for the stop, and waits on
    running     a task; asked to stop: that is   waits, likewise
                cancelled, once
    ended       -                                has the outcome

The coroutine is cancelled once, as asyncio does it: what it awaits to clean up is not cut short.
Nothing is left running behind the caller's back, whichever instruction a Ctrl-C comes at: who takes
the coroutine out of `_todo` runs it, or closes it, and all that is sent is sent inside of the `try`
that waits for its end.
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
        self, coroutine: Coroutine[Any, Any, T], at_end: Callable[[], None] = _nothing
    ) -> None:
        self.ended = Latch("a coroutine")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._todo = [coroutine]
        self._at_end = at_end
        self._dropped: Callable[[Errand[Any]], object] | None = None
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[T] | None = None
        self._stopped = self._called_off = False
        self._known = False  # what has come of it
        self._result: T
        self._exception: BaseException | None = None

    def belongs_to(
        self, loop: asyncio.AbstractEventLoop, dropped: Callable[[Errand[Any]], object]
    ) -> None:
        """Note the loop that it is sent to, and who is told when it has ended."""
        self._dropped = dropped
        self._loop = loop

    # ---- in the loop's thread

    def begin(self) -> None:
        """Make the coroutine a task of the running loop, unless it was refused."""
        try:
            coroutine = self._todo.pop()
        except IndexError:
            return
        self._task = asyncio.get_running_loop().create_task(coroutine, context=self._context)
        self._task.add_done_callback(self._end)

    def stop(self) -> None:
        """Cancel the task, which has begun: the loop keeps the order of what it is asked for."""
        if self._task is not None and not self._stopped:
            self._stopped = True
            self._task.cancel()

    def _end(self, task: asyncio.Task[T]) -> None:
        self._task = None
        self._known = True
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
        self._close()
        self._exception = exception
        self._known = True
        self._arrive()

    def _close(self) -> bool:
        """Close the coroutine, if it has not begun: then it never will."""
        try:
            self._todo.pop().close()
        except IndexError:
            return False
        return True

    def _arrive(self) -> None:
        if self._dropped is not None:
            self._dropped(self)
        if not self.unheard:
            self.ended.open()
            self._at_end()

    # ---- in the goroutine

    def outcome(self, send: Callable[[Errand[T]], object]) -> T:
        """Send it, wait for the end, return the coroutine's result or raise its exception."""
        try:
            try:
                send(self)
                self.ended.wait()
            except BaseException as ours:  # noqa: BLE001 - raised there, unless there is a result
                return self.called_off(ours)
            return self.taken()
        finally:
            self.ask_to_stop()

    def called_off(self, ours: BaseException) -> T:
        """Cancel the coroutine because of `ours`, wait for its end, and raise what is to be raised.

        A result that it brings all the same is returned, if `ours` is what comes up again at the
        next park.
        """
        self.call_off()
        if not isinstance(ours, Cancelled) or not self._known:
            raise ours
        try:
            return self.taken()
        except asyncio.CancelledError:
            raise ours from None

    def call_off(self) -> None:
        """Cancel the coroutine and wait for its end, unless it has ended, or was asked to before.

        Who waits is not cancelled, but interrupted by a Ctrl-C.
        """
        if self.ended.opened or self._called_off:
            return
        self._called_off = True
        if self._close():
            self._arrive()
            return
        self.ask_to_stop()
        with shield():
            self.ended.wait()

    def ask_to_stop(self) -> None:
        """Have the loop cancel the coroutine; nothing happens to one that has ended."""
        if not self.ended.opened:
            self.call(self.stop)

    def call(self, fn: Callable[..., object], *args: object) -> None:
        """Have the loop call a function. Any thread."""
        if self._loop is None:
            return
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
