"""Once, and `once`: a function that is called one time, whoever and however many come.

    the call       who came meanwhile   who comes later
    runs           waits                -
    returned       goes on              goes on
    raised         raises the same      raises the same
    was broken off calls the function   calls the function

A call is broken off by what is no `Exception`: its goroutine was cancelled, somebody pressed
Ctrl-C. That says nothing about the function, so the next one calls it anew. What it raised by
itself is its outcome: Go's OnceFunc panics again with it, and Go's Once.Do, which goes on as if
nothing had happened, is not followed in that.

Source: go1.27 sync/once.go, sync/oncefunc.go.
"""

from collections.abc import Callable
from functools import update_wrapper
from types import TracebackType
from typing import TypeVar

from netpoll._runtime.lifecycle import check_plain
from netpoll.sync.mutex import Mutex

T = TypeVar("T")


class Once:
    """Calls one function one time. Any thread.

    Source: go1.27 sync/once.go Once.
    """

    __slots__ = ("__weakref__", "_done", "_failure", "_mutex", "_traceback")

    def __init__(self) -> None:
        self._mutex = Mutex()
        self._done = False
        self._failure: Exception | None = None
        self._traceback: TracebackType | None = None

    def __repr__(self) -> str:
        state = "done" if self._done else "running" if self._mutex.locked else "not done"
        return f"<Once {state}>"

    @property
    def done(self) -> bool:
        """Whether the function has been called and has returned, or raised an Exception."""
        return self._done

    def do(self, fn: Callable[[], object], /) -> None:
        """Call fn, unless one has been called by this Once; return when that has ended.

        Parks while another goroutine calls it. Raises what it raises, now and each time, if that is
        an Exception; after Cancelled, KeyboardInterrupt and the like the next `do` calls anew. A fn
        that comes back to the same Once waits for itself.

        Source: go1.27 sync/once.go (*Once).Do.
        """
        if not self._done:
            with self._mutex:
                if not self._done:
                    self._call(fn)
        if self._failure is not None:
            raise self._failure.with_traceback(self._traceback)

    def _call(self, fn: Callable[[], object]) -> None:
        try:
            fn()
        except Exception as failure:  # noqa: BLE001 - `do` raises it
            # Of the function alone: our frames would refer to the exception, and it to them.
            here = failure.__traceback__
            self._traceback = here and here.tb_next
            self._failure = failure.with_traceback(self._traceback)
        self._done = True


def once(fn: Callable[[], T], /) -> Callable[[], T]:
    """Make a function of no arguments one that is called one time; its value is kept for ever.

    Who calls it meanwhile parks until the value is there. Raises what fn raises, each time, if that
    is an Exception; otherwise as `Once.do`. Lets go of fn when it has been called. TypeError for an
    `async def`.

    Source: go1.27 sync/oncefunc.go OnceFunc, OnceValue, OnceValues.
    """
    check_plain("once", fn)
    guard = Once()
    todo, value = [fn], list[T]()

    def compute() -> None:
        value.append(todo[0]())

    def call() -> T:
        if not value:
            try:
                guard.do(compute)
            finally:
                if guard.done:
                    todo.clear()
        return value[0]

    update_wrapper(call, fn)
    vars(call).pop("__wrapped__")  # it would keep the function, and all that this one holds
    return call
