"""A watch for goroutines that hold their thread: that compute on and on, or call what blocks it.

A thread of its own looks at every scheduler once in so many seconds:

    since the last look                          it
    work was looked for, or the thread waits     goes on
    neither, and there is one goroutine alone    holds up nobody
    neither, and others are there                is held: said once, with the stack of who holds it

What holds the GIL as well, a call into C that never gives it up, holds up the watch too: it is
seen only if it is still at it when a look comes due.

Source: go1.27 runtime/proc.go sysmon (retake, which goes on to preempt); asyncio's
slow_callback_duration and gevent's max_blocking_time, for what is told
"""

from __future__ import annotations

import contextlib
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Self

from netpoll._runtime import deadlock, report

if TYPE_CHECKING:
    from netpoll._runtime.scheduler import Scheduler


def print_line(text: str) -> None:
    """Print on standard error as it is at that moment."""
    stream = sys.stderr
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):  # it may be closed
            stream.write(f"{text}\n")
            stream.flush()


class Watch:
    """A watch that goes on until `stop`, or to the end of a `with` block. Made by `watch`."""

    def __init__(self, seconds: float, tell: Callable[[str], object]) -> None:
        self._seconds = seconds
        self._tell = tell
        self._looks: dict[int, tuple[int, bool]] = {}  # by thread: its tick, whether it was told
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="netpoll-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch; again: does nothing. What it is about to tell is told. Any thread."""
        self._stopped.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _go_on(self) -> None:
        own = threading.get_ident()
        deadlock.without_work.add(own)  # it wakes no goroutine
        try:
            while not self._stopped.wait(self._seconds):
                for text in self._look():
                    self._say(text)
        finally:
            deadlock.without_work.discard(own)

    def _say(self, text: str) -> None:
        try:
            self._tell(text)
        except Exception:  # noqa: BLE001 - the program's, and the watch goes on
            print_line(traceback.format_exc().rstrip("\n"))

    def _look(self) -> list[str]:
        """Return what is to be told, having looked at each scheduler."""
        before, self._looks = self._looks, {}
        said = []
        frames = sys._current_frames()  # noqa: SLF001 - no other way
        for ident, scheduler in deadlock.schedulers():
            tick, told = before.get(ident, (None, False))
            held = tick == scheduler.tick and not scheduler.blocked
            if held and not told:
                text = self._held(scheduler, frames.get(ident))
                told = text is not None
                said += [text] if text is not None else []
            self._looks[ident] = scheduler.tick, held and told
        return said

    def _held(self, scheduler: Scheduler, frame: FrameType | None) -> str | None:
        holder = scheduler.on_stack()
        others = scheduler.live - 1
        if holder is None or others < 1:
            return None
        plural = "goroutines wait" if others > 1 else "goroutine waits"
        head = (
            f"netpoll: {report.describe(holder)} has held its thread for {self._seconds:g} s,"
            f" and {others} other {plural}"
        )
        return "\n".join([head, *report.stack_lines(frame)])


def watch(seconds: float = 0.1, tell: Callable[[str], object] = print_line) -> Watch:
    """Tell of each goroutine that holds its thread for longer, once, while it does.

    Such a goroutine computes, or calls what blocks: no other one of its thread goes on meanwhile.
    What is told: its name, how many there are besides, and the stack. One that is alone on its
    thread holds up nobody. seconds: told after one to two times as many; ValueError: not above 0.
    tell: called in the thread of the watch with the text; unless given, standard error gets it.

    Costs a thread that wakes once in so many seconds. Does not park. Any thread; a forked child is
    not watched. Source: asyncio slow_callback_duration, gevent max_blocking_time.
    """
    if not 0 < seconds < float("inf"):
        raise ValueError("watch() needs a number of seconds above 0")
    if not callable(tell):
        raise report.no_callable("watch", tell)
    return Watch(seconds, tell)
