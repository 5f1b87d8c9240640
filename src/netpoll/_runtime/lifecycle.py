"""How a scheduler begins and ends: run, the implicit runtime, threads, fork, interpreter exit."""

from __future__ import annotations

import atexit
import contextlib
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, ParamSpec, TypeVar

from netpoll._runtime import deadlock, ending, report
from netpoll._runtime.goroutine import Goroutine
from netpoll._runtime.scheduler import (
    Scheduler,
    attached_scheduler,
    ensure_scheduler,
    on_interrupt,
)

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
    what main raises; RuntimeError inside another run; TypeError for an `async def`. Ctrl-C raises
    KeyboardInterrupt in main. One run at a time on a thread.

    Source: go1.27 runtime/proc.go main.
    """
    check_plain("run", main)
    return ending.run(ensure_scheduler(), main, args, kwargs, _end_run)


def check_plain(caller: str, fn: Callable[..., object]) -> None:
    """Raise the TypeError of a caller that can only call plain functions, if fn is none."""
    if not callable(fn):
        raise TypeError(f"{caller}() needs a callable, not {type(fn).__name__}")
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise TypeError(
            f"{caller}() needs a plain function, not one made by `async def`: "
            "in netpoll whatever waits is simply called"
        )


def _end_run(scheduler: Scheduler) -> None:
    try:
        end(scheduler)
    finally:
        _thread.__dict__.pop("end", None)


def end_own() -> None:
    """End the scheduler that the calling thread may have got; it may get a new one later."""
    scheduler = attached_scheduler()
    if scheduler is not None and not scheduler.closed:
        _end_run(scheduler)


def end(scheduler: Scheduler) -> None:
    """Cancel all goroutines but main, wait for them, report those that stay, give all back."""
    try:
        drain(scheduler)
    finally:
        for goroutine, exception in ending.take_unjoined(scheduler):
            report.unhandled(goroutine, exception)
        ending.strand(scheduler)
        give_back(scheduler)


def drain(scheduler: Scheduler) -> None:
    """Cancel the other goroutines and give them time to end."""
    others = _others(scheduler)
    for goroutine in others:
        goroutine.cancel()
    if others and not ending.wait_for_others(scheduler, GRACE):
        report.left_behind(_others(scheduler), GRACE)


def give_back(scheduler: Scheduler) -> None:
    """Give back what a scheduler holds: poller, stacks and Ctrl-C."""
    ending.shut(scheduler)
    deadlock.detached()
    _give_back_interrupts()


def _others(scheduler: Scheduler) -> list[Goroutine]:
    main = scheduler.main_goroutine()
    return [goroutine for goroutine in scheduler.goroutines() if goroutine is not main]


# ---- threads ---------------------------------------------------------------------------------


class _ThreadEnd:
    """Lives in a thread's own dictionary and ends its scheduler when the thread does."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    def __del__(self) -> None:
        if self.scheduler.closed or sys.is_finalizing():
            return
        if attached_scheduler() is self.scheduler:
            end(self.scheduler)
        else:
            # A forked child: the thread that forked drops what the parent's other threads had. It
            # is not the main thread yet, which is who may set the wake-up descriptor.
            _not_forked.append(self.scheduler)


on_attach: list[Callable[[Scheduler], None]] = []
"""Called with each new scheduler, on its thread: for what a test has set for its thread."""

_thread = threading.local()
_not_forked: list[Scheduler] = []


def attached(scheduler: Scheduler) -> None:
    """Note that this thread has a scheduler now: it owns it, Ctrl-C goes to its main goroutine."""
    _thread.end = _ThreadEnd(scheduler)
    deadlock.attached(scheduler)
    _take_interrupts()
    for fn in on_attach:
        fn(scheduler)


# ---- Ctrl-C ----------------------------------------------------------------------------------


def _on_interrupt(signum: int, frame: FrameType | None) -> None:
    on_interrupt(signum, frame)


_on_interrupt.netpoll_own = True  # type: ignore[attr-defined]


def _on_main_thread() -> bool:
    # Not current_thread(): at the end of a thread, that makes a dummy in its place, which stays.
    return threading.get_ident() == threading.main_thread().ident


def _take_interrupts() -> None:
    """Replace Python's own SIGINT handler, and only that one: a program's own is left alone."""
    if _on_main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_interrupt)


def _give_back_interrupts() -> None:
    if _on_main_thread() and signal.getsignal(signal.SIGINT) is _on_interrupt:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
atexit.register(end_own)
