"""How many questions are on their way at once, each of which has a descriptor.

A program that looks up thousands of names at once would else run out of descriptors, and overrun
the buffers of its name server. Those who come when all places are taken stand in line, and get the
places in the order in which they came. Each thread has places of its own.

Source: go1.27 net/lookup_unix.go and net/net.go threadLimit, which bound look-ups by the C library
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from netpoll._runtime.goroutine import Goroutine, current
from netpoll._runtime.permits import await_call, call_done

MOST = 256


class _Waiter:
    """Somebody in line."""

    __slots__ = ("called", "goroutine")

    def __init__(self, goroutine: Goroutine) -> None:
        self.goroutine = goroutine
        self.called = False


class Line:
    """So many places, and who waits for one; of one thread."""

    def __init__(self, most: int = MOST) -> None:
        self._free = most
        self._waiting: OrderedDict[_Waiter, None] = OrderedDict()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have a place; parks until there is one, without limit but for cancellation."""
        self._take()
        try:
            yield
        finally:
            self._leave()

    def _take(self) -> None:
        if self._free:
            self._free -= 1
            return
        waiter = _Waiter(current())
        self._waiting[waiter] = None
        try:
            while not waiter.called:
                await_call()
        except BaseException:
            # Cancelled, or interrupted by a signal handler when the place had come already.
            if waiter.called:
                self._leave()
            else:
                del self._waiting[waiter]
            raise

    def _leave(self) -> None:
        """Hand the place to the first in line: nobody who comes now gets it before him."""
        if not self._waiting:
            self._free += 1
            return
        waiter, _ = self._waiting.popitem(last=False)
        waiter.called = True
        call_done(waiter.goroutine)


class _Lines(threading.local):
    """That of a thread."""

    def __init__(self) -> None:
        self.line = Line()


_lines = _Lines()
_has_one: ContextVar[bool] = ContextVar("netpoll.net.lookup.turns", default=False)


@contextmanager
def turn() -> Iterator[None]:
    """Have one of the places of this thread; parks until there is one.

    What is looked up on the way, by a dial of one's own, needs no other: all who have a place might
    wait for one that nobody leaves.
    """
    if _has_one.get():
        yield
        return
    with _lines.line.place():
        token = _has_one.set(True)
        try:
            yield
        finally:
            _has_one.reset(token)


def _after_fork() -> None:
    global _lines  # noqa: PLW0603 - those who had the places are the parent's
    _lines = _Lines()


os.register_at_fork(after_in_child=_after_fork)
