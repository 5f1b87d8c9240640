"""The virtual clock: time that stands still while anybody runs, and then jumps.

    everybody is parked, and            time
    somebody waits in wait_all_parked   stands
    somebody waits in advance           goes from timer to timer, as far as was asked for
    a call runs in blocking()           stands: what the call brings about comes first
    autojump is off                     stands; DeadlockError if nothing else can wake anybody
    a timer is set                      jumps to it
    no timer is set                     stands: DeadlockError, or a wait for what comes from outside

A thread's own: goroutines of other threads, and plain threads, go by the real time.

Source: trio testing.MockClock, go1.27 testing/synctest.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from netpoll._runtime import deadlock, report
from netpoll._runtime.clock import monotonic_ns, stand_at
from netpoll._runtime.scheduler import Scheduler, attached_scheduler
from netpoll._runtime.standstill import runs_nothing
from netpoll.errors import DeadlockError
from netpoll.testing import _idle
from netpoll.testing.time_functions import following

SECOND = 1_000_000_000


class VirtualClock:
    """The time of one thread's goroutines within a block. Made by `virtual_clock`; for that thread.

    autojump: whether time jumps to the next timer when everybody is parked; may be set at any
    moment.
    """

    def __init__(self, *, autojump: bool, io_wait: float) -> None:
        """Make one that does not run yet."""
        self.autojump = autojump
        self.io_wait = io_wait
        self._begin = self._now = 0
        self._goal = 0
        self._caller: _idle.Wait | None = None

    def __repr__(self) -> str:
        return f"<VirtualClock {self.elapsed:g} s>"

    def time(self) -> float:
        """Return what time.monotonic() returns in the block."""
        return self._now / 1e9

    @property
    def elapsed(self) -> float:
        """The seconds of virtual time that the block has taken."""
        return (self._now - self._begin) / 1e9

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, and park until all that becomes due in them has run.

        From timer to timer, each at its time, whether or not calls run in `blocking` and autojump
        is on; it returns when everybody is parked again. ValueError for a number below zero.
        RuntimeError outside of the block, or while another goroutine advances it. Raises Cancelled;
        the time stays then where it has come to.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError("a clock is advanced by a number of seconds, not below zero")
        if _idle.clock_here() is not self:
            raise RuntimeError("the clock is not that of this thread, or its block is over")
        if self._caller is not None:
            raise RuntimeError("another goroutine is advancing the clock")
        self._goal = self._now + math.ceil(seconds * 1e9)
        self._caller = caller = _idle.Wait()
        try:
            caller.park()
        finally:
            self._caller = None

    def all_parked(self, delay: int | None) -> bool:
        """Go on if the time is to, the next timer being due in `delay` ns."""
        scheduler = attached_scheduler()
        if scheduler is None:
            return False
        if self._caller is not None:
            self._advance(self._caller, delay)
            return True
        if delay is None or scheduler.calls > 0:
            return False
        if not self.autojump:
            _check_hope(scheduler)
            return False
        self._set(self._now + delay)
        return True

    def _advance(self, caller: _idle.Wait, delay: int | None) -> None:
        if delay is not None and self._now + delay <= self._goal:
            self._set(self._now + delay)
        else:
            self._set(self._goal)
            self._caller = None
            caller.end()

    def _set(self, now: int) -> None:
        self._now = now
        stand_at(now)

    def start(self) -> None:
        """Stop the thread's time.

        At a whole second: the difference of two times is then what was slept, to the last bit.
        """
        self._begin = -(-monotonic_ns() // SECOND) * SECOND
        self._set(self._begin)
        _idle.set_clock(self)

    def stop(self) -> None:
        """Give the thread the real time again."""
        stand_at(0)
        _idle.set_clock(None)


def _check_hope(scheduler: Scheduler) -> None:
    """Raise DeadlockError if only the time could wake anybody, and nobody makes it go on."""
    if scheduler.net_waiters or scheduler.outside:
        return
    if scheduler.shared and not deadlock.hopeless(scheduler):
        return
    dump = report.dump(scheduler.goroutines())
    if not runs_nothing(scheduler):
        return  # a finalizer has woken somebody meanwhile
    raise DeadlockError(f"the virtual clock stands still, and nobody is left to advance it\n{dump}")


@contextmanager
def virtual_clock(*, autojump: bool = True, io_wait: float = _idle.GRACE) -> Iterator[VirtualClock]:
    """Give this thread's goroutines, for a block, a time that jumps when all of them are parked.

    All that goes by the time follows: sleeps, timeouts, deadlines, scopes, alarms, and what the
    module `time` says (monotonic, perf_counter, time, and these in ns), also where a module has
    imported a function of it; not `datetime`, and not time.sleep, which holds up the thread as
    ever. The time stands still while a goroutine runs, so an hour of sleeps takes milliseconds, and
    takes exactly an hour of virtual time. A goroutine that goes round without ever parking keeps it
    from going on.

    Before a jump, io_wait seconds of real time are given to what is on its way to sockets of this
    process. Peers in other processes and threads do not know of this time: what waits for them is
    timed out at once if it is limited, unless autojump is off; only a call in `blocking`, or the
    end of another thread's goroutine, keeps the time from jumping. Nothing should go on beyond the
    block: what is still asleep there sleeps on by the real time.

    Also around `run`, and as a decorator. RuntimeError if the thread has a virtual clock already.
    """
    if _idle.clock_here() is not None:
        raise RuntimeError("this thread has a virtual clock already")
    clock = VirtualClock(autojump=autojump, io_wait=io_wait)
    thread = threading.get_ident()
    clock.start()
    try:
        with following():
            yield clock
    finally:
        if threading.get_ident() != thread:
            raise RuntimeError("a virtual clock is left on the thread that has entered it")
        clock.stop()
