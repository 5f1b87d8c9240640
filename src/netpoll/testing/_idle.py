"""The moment when all goroutines of a thread are parked, and who has waited for it.

    somebody waits in         then
    wait_all_parked           all who do go on; time stands still
    VirtualClock.advance      the clock goes to the next timer; the caller goes on at its end
    nothing of these          the clock, if there is one and it may, jumps to the next timer

The scheduler asks here in the place of a wait, after a look for what is on its way through the
kernel.
"""

from __future__ import annotations

import threading
from typing import Protocol

from netpoll._runtime.goroutine import Goroutine, current
from netpoll._runtime.permits import await_call, call_done
from netpoll.testing import _thread

GRACE = 0.001
"""Seconds in which what was sent to a socket of the same process has arrived there."""


class Clock(Protocol):
    """What a clock does when everybody is parked."""

    io_wait: float

    def all_parked(self, delay: int | None) -> bool:
        """Go on if it should, the next timer being due in `delay` ns; True: somebody may run."""


class _Waits(threading.local):
    """Who waits on a thread until its goroutines are parked."""

    def __init__(self) -> None:
        self.parked: list[Wait] = []
        self.clock: Clock | None = None


_here = _Waits()


class Wait:
    """A goroutine that is parked until `end` is called, on the same thread."""

    def __init__(self) -> None:
        self._goroutine: Goroutine = current()
        self._ended = False

    def park(self) -> None:
        """Park until then. Raises Cancelled."""
        while not self._ended:
            await_call()

    def end(self) -> None:
        """Let it go on."""
        self._ended = True
        call_done(self._goroutine)


def wait() -> None:
    """Park until every other goroutine of this thread is parked."""
    own = Wait()
    _here.parked.append(own)
    _listen()
    try:
        own.park()
    finally:
        if own in _here.parked:
            _here.parked.remove(own)
        _listen()


def clock_here() -> Clock | None:
    """Return the clock of this thread, if it has one."""
    return _here.clock


def set_clock(clock: Clock | None) -> None:
    """Have this thread's goroutines live by a clock, or by the real time again."""
    _here.clock = clock
    _listen()


def _listen() -> None:
    """Be asked as long as somebody waits or there is a clock, and no longer."""
    if _here.clock is not None:
        _thread.set_on_idle(_all_parked, round(_here.clock.io_wait * 1e9))
    elif _here.parked:
        _thread.set_on_idle(_all_parked, round(GRACE * 1e9))
    else:
        _thread.set_on_idle(None)


def _all_parked(delay: int | None) -> bool:
    if _here.parked:
        waiting, _here.parked = _here.parked, []
        for each in waiting:
            each.end()
        return True
    return _here.clock is not None and _here.clock.all_parked(delay)
