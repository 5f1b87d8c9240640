"""From a thread into a scheduler, and from goroutines to what a thread is still to bring.

    from_thread.run(fn, *args)      fn as a goroutine of another thread's scheduler; its result
    from_thread.go(fn, *args)       the same, without waiting
    from_thread.entrance()          the way into the scheduler of the calling thread, to give away
    from_thread.abandoned()         whether the goroutine that called `blocking` has gone on
    from_thread.disposing(fn, ...)  fn for `blocking`, with what to do if its result comes too late
    from_thread.result(future)      what a concurrent.futures.Future is to hold, when it does

`run` and `go` lead to the scheduler of the goroutine whose `blocking` this thread serves, and on
any other thread to that of the process's main thread.

Source: trio.from_thread, anyio.from_thread (what there is); go1.27 has one scheduler for all.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from netpoll._runtime import inject
from netpoll._runtime.calls import calling_scheduler, is_abandoned
from netpoll._runtime.latch import Latch
from netpoll._runtime.lifecycle import check_plain
from netpoll._runtime.scheduler import Scheduler, ensure_scheduler
from netpoll._runtime.scope import shield
from netpoll._runtime.threads import Disposing
from netpoll.errors import Cancelled, GoroutineCancelled

if TYPE_CHECKING:
    from concurrent.futures import Future

    from netpoll._runtime.goroutine import Goroutine

__all__ = ["Entrance", "abandoned", "disposing", "entrance", "go", "result", "run"]

P = ParamSpec("P")
T = TypeVar("T")


# ---- into a scheduler ------------------------------------------------------------------------


class Entrance:
    """The way into the scheduler of one thread, for all others. Made by `entrance`."""

    __slots__ = ("_scheduler",)

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def __repr__(self) -> str:
        return f"<Entrance {'closed' if self.closed else 'open'}>"

    @property
    def closed(self) -> bool:
        """Whether that scheduler has ended, or is ending: nobody gets in any more."""
        return inject.has_ended(self._scheduler)

    def go(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Goroutine[T]:
        """Start `fn(*args, **kwargs)` as a goroutine of that scheduler and return it; see `go`."""
        check_plain("go", fn)
        return inject.start(self._scheduler, fn, args, kwargs)

    def run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(*args, **kwargs)` as a goroutine of that scheduler; see `run`."""
        check_plain("run", fn)
        return _outcome(inject.start(self._scheduler, fn, args, kwargs))


def entrance() -> Entrance:
    """Return the way into the scheduler of the calling thread, which gets one if it has none."""
    return Entrance(ensure_scheduler())


def go(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Goroutine[T]:
    """Start `fn(*args, **kwargs)` as a goroutine of another thread and return it. Does not park.

    On a thread of `blocking` it is one of the scheduler that called, elsewhere of the main
    thread's; it runs in a copy of the caller's contextvars context. RuntimeError if there is no
    such scheduler, or its main goroutine has ended. TypeError for an `async def`.
    """
    return _default().go(fn, *args, **kwargs)


def run(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `fn(*args, **kwargs)` as a goroutine of another thread and return its result; parks.

    Where it runs, and when that is a RuntimeError, is said at `go`. Raises what fn raises, and
    GoroutineCancelled if that scheduler ends meanwhile. When the caller is cancelled, so is the
    goroutine, and the caller waits for its end: if it has a result all the same, that is returned,
    and the cancellation comes up at the next park. A thread that has no scheduler gets one, as
    with whatever parks.
    """
    return _default().run(fn, *args, **kwargs)


def abandoned() -> bool:
    """Tell whether the goroutine that called `blocking(fn)` has gone on without waiting for fn.

    For fn to ask now and then, on its thread; False on any other.
    """
    return is_abandoned()


def disposing(fn: Callable[P, T], dispose: Callable[[T], object], /) -> Callable[P, T]:
    """Return fn for `blocking` or a BlockingPool, so that what comes too late is not left open.

    If the goroutine is cancelled, or its time is over, while fn runs, `dispose` is called with what
    fn returns, on that thread, in fn's context: `blocking(disposing(open_it, File.close), name)`.
    What it raises goes to `excepthook`. It has no part in a call whose result is waited for.
    TypeError for an `async def`.
    """
    check_plain("disposing", fn)
    check_plain("disposing", dispose)
    return Disposing(fn, dispose)


def _default() -> Entrance:
    scheduler = calling_scheduler() or inject.scheduler_of_main()
    if scheduler is None:
        raise RuntimeError("the main thread has no scheduler: give this thread an entrance()")
    return Entrance(scheduler)


def _outcome(goroutine: Goroutine[T]) -> T:
    """Wait for a goroutine that runs for the calling one alone, and ends with it."""
    try:
        return goroutine.join()
    except BaseException as ours:
        if goroutine.done and not isinstance(ours, Cancelled):
            raise  # it is what its function has raised
        goroutine.cancel()
        return _last_word(goroutine, ours)


def _last_word(goroutine: Goroutine[T], ours: BaseException) -> T:
    """Wait for the end of a goroutine that was given up, and return a result that it has."""
    try:
        with shield():
            value = goroutine.join()
    except GoroutineCancelled:
        raise ours from None
    if isinstance(ours, Cancelled):
        return value
    raise ours


# ---- from a thread ---------------------------------------------------------------------------

_latches: weakref.WeakKeyDictionary[Future[Any], Latch] = weakref.WeakKeyDictionary()
"""One for each future that is waited for: what a future calls at its end it never forgets."""


def result(future: Future[T], timeout: float | None = None) -> T:
    """Wait for a concurrent.futures.Future and return its result, or raise its exception; parks.

    Here, as a future is what a thread, or a process, owes to others. TimeoutError after `timeout`
    seconds; the future is left alone then. When the goroutine is cancelled the wait ends at once,
    and the future is cancelled if its work has not begun. CancelledError, of concurrent.futures,
    if somebody else has cancelled it. Any thread. TypeError for a future of asyncio.
    """
    if hasattr(future, "_asyncio_future_blocking"):
        raise TypeError("a future of asyncio is awaited, in a coroutine for aio.run()")
    if not future.done():
        try:
            in_time = _latch(future).wait(timeout)
        except BaseException:
            future.cancel()
            raise
        if not in_time and not future.done():
            raise TimeoutError(f"the future has no result after {timeout} s")
    return future.result(timeout=0)


def _latch(future: Future[Any]) -> Latch:
    latch = _latches.get(future)
    if latch is None:
        made = Latch("a future")
        # First: one that is found has to be opened, whatever a signal handler raises here.
        future.add_done_callback(lambda _: made.open())
        latch = _latches.setdefault(future, made)
    return latch
