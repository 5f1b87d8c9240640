"""How a scheduler begins and ends: run, the implicit runtime, threads, fork, interpreter exit."""

from __future__ import annotations

import atexit
import contextlib
import inspect
import os
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, ParamSpec, TypeVar

from netpoll._runtime import deadlock, ending, report
from netpoll._runtime.ending import end as end
from netpoll._runtime.ending import end_own as end_own
from netpoll._runtime.goroutine import Goroutine
from netpoll._runtime.scheduler import Scheduler, attached_scheduler, on_interrupt

# For typing.get_type_hints(excepthook): report cannot import what itself imports report.
vars(report)["Goroutine"] = Goroutine

P = ParamSpec("P")
T = TypeVar("T")

GRACE = 5.0
"""Seconds that goroutines have to end after main has, before they are reported and left behind."""


def run(main: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `main(*args, **kwargs)` as the main goroutine of this thread and return its result.

    Ends when main does: the other goroutines are cancelled, their `finally` blocks run, and those
    that have not ended after a grace period (5 s) are reported on stderr and left behind. Raises
    what main raises; RuntimeError inside another run; TypeError for an `async def`
    or a generator function. Ctrl-C raises KeyboardInterrupt in main. One run at a time on a thread.

    Source: go1.27 runtime/proc.go main.
    """
    check_plain("run", main)
    if inspect.isgeneratorfunction(main):
        raise TypeError(f"run() needs a plain function, not {report.GENERATOR}")
    return ending.run(main, args, kwargs)


def check_plain(caller: str, fn: Callable[..., object]) -> None:
    """Raise the TypeError of a caller that can only call plain functions, if fn is none."""
    if not callable(fn):
        raise report.no_callable(caller, fn)
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise TypeError(f"{caller}() needs a plain function, not {report.ASYNC}")


# ---- threads ---------------------------------------------------------------------------------

on_attach: list[Callable[[Scheduler], None]] = []
"""Called with each new scheduler, on its thread: for what a test has set for its thread."""

_not_forked: list[Scheduler] = []


def attached(scheduler: Scheduler) -> None:
    """Note that this thread has a scheduler now: it owns it, Ctrl-C goes to its main goroutine."""
    ending.own(scheduler)
    for fn in on_attach:
        fn(scheduler)


def thread_ended(scheduler: Scheduler) -> None:
    """End the scheduler of a thread that ends."""
    if attached_scheduler() is scheduler:
        try:
            _tell_of_the_new(scheduler)
        finally:
            end(scheduler)
    else:
        # A forked child: the thread that forked drops what the parent's other threads had. It
        # is not the main thread yet, which is who may set the wake-up descriptor.
        _not_forked.append(scheduler)


def interrupted(signum: int, frame: FrameType | None) -> None:
    """Handle SIGINT."""
    on_interrupt(signum, frame)


interrupted.netpoll_own = True  # type: ignore[attr-defined]


# ---- fork and exit ---------------------------------------------------------------------------


def _after_fork() -> None:
    while _not_forked:
        ending.forget(_not_forked.pop())
    deadlock.after_fork()
    scheduler = attached_scheduler()
    if scheduler is not None:
        ending.after_fork(scheduler)


def end_child(goroutine: Goroutine, exception: BaseException | None) -> NoReturn:
    """End a forked process whose only goroutine, not the main one of its parent, has ended.

    There is nothing to go back to: main's stack is the parent's. Like a child of multiprocessing it
    flushes what was printed and leaves, without the exit functions that are the parent's to call.
    Status 0, 1 after an exception, that of a SystemExit.
    """
    status = 0
    if isinstance(exception, SystemExit):
        code = exception.code
        status = code if isinstance(code, int) else int(code is not None)
    elif exception is not None:
        status = 1
        report.unhandled(goroutine, exception)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status & 0xFF)


os.register_at_fork(after_in_child=_after_fork)


def _tell_of_the_new(scheduler: Scheduler) -> None:
    """Warn, in Python's development mode, of goroutines that never began, as nobody parked."""
    if not sys.flags.dev_mode:
        return
    for goroutine in scheduler.goroutines():
        if goroutine.state == "new" and not goroutine.cancelled:
            file, line = goroutine.origin or ("", 0)
            text = f"{goroutine.name} never began: nobody parked, and there was no run()"
            warnings.warn_explicit(text, ResourceWarning, file, line)


def _at_exit() -> None:
    scheduler = attached_scheduler()
    try:
        if scheduler is not None and not scheduler.closed:
            _tell_of_the_new(scheduler)
    finally:
        end_own()


atexit.register(_at_exit)
