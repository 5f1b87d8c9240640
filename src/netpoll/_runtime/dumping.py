"""What all goroutines of the process do: for whoever wonders why it stands still.

    a thread               says
    with a scheduler       what each of its goroutines does, and where it stands
    without                where it stands
    idle, the runtime's    nothing

Source: go1.27 runtime/traceback.go tracebackothers; module faulthandler
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from types import FrameType

from netpoll._runtime import deadlock, report


def dump() -> str:
    """Return what each goroutine of each thread does, for how long, and where it stands.

    The text of a DeadlockError, but of a process that lives; threads that have no goroutines are in
    it with their stacks. What is in it is for people, and changes. Does not park. Any thread.

    Source: go1.27 runtime/mprof.go Stack, runtime/pprof Lookup("goroutine").
    """
    threads = threading.enumerate()
    frames = sys._current_frames()  # noqa: SLF001 - no other way
    return "\n\n".join(
        _of_thread(thread, frames.get(thread.ident or 0))
        for thread in sorted(threads, key=lambda thread: thread is not threading.main_thread())
        if thread.ident not in deadlock.without_work
    )


def _of_thread(thread: threading.Thread, frame: FrameType | None) -> str:
    scheduler = deadlock.scheduler_of(thread.ident or 0)
    if scheduler is None:
        return "\n".join([f"thread {thread.name}, no goroutines", *report.stack_lines(frame)])
    goroutines = scheduler.goroutines()
    on_stack = scheduler.on_stack()
    running = {} if on_stack is None else {on_stack: frame}
    said = report.dump(goroutines, running)
    return f"thread {thread.name}, goroutines: {len(goroutines)}\n{said}"


def print_dump(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal: print a dump on standard error. Raises nothing."""
    stream = sys.stderr
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):  # it may be closed
        text = f"{dump()}\n"
        try:
            stream.write(text)
            stream.flush()
        except RuntimeError:  # the signal came in the midst of another write
            os.write(2, text.encode(errors="backslashreplace"))


print_dump.netpoll_own = True  # type: ignore[attr-defined]  # no goroutine is woken by it
